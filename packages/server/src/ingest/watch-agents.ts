import type { AgentFacts } from '../observe/agent-book.js';
import type { IngestContext } from './context.js';

/**
 * Raises and clears the alarms about agents that should be heard and are not.
 * @param sinceUs - start of the server: an agent has time to come back after a restart
 */
export const watchAgents = (context: IngestContext, sinceUs: number): void => {
  for (const group of context.journal.groups()) {
    const facts = context.agents.get(group.name);
    const silentUs = silence(context, facts);
    note(
      context,
      'AGENT_SILENT',
      group.name,
      silentUs,
      (seconds) =>
        `the agent of group ${group.name} is connected and has sent nothing for ${seconds} s`,
    );
    const stopped = group.cleanlyStopped || facts?.saidGoodbye === true;
    const goneUs = stopped ? undefined : absence(context, facts, sinceUs);
    note(
      context,
      'AGENT_GONE',
      group.name,
      goneUs,
      (seconds) =>
        `the agent of group ${group.name} has been gone for ${seconds} s without a clean stop`,
    );
  }
};

const silence = (context: IngestContext, facts: AgentFacts | undefined): number | undefined => {
  if (facts?.connected !== true) return undefined;
  const silentUs = context.clock.nowUs() - facts.heardUs;
  return silentUs > context.limits.agentSilentAlarmMs * 1000 ? silentUs : undefined;
};

const absence = (
  context: IngestContext,
  facts: AgentFacts | undefined,
  sinceUs: number,
): number | undefined => {
  if (facts?.connected === true) return undefined;
  const awayUs = context.clock.nowUs() - (facts?.sinceUs ?? sinceUs);
  return awayUs > context.limits.agentAwayAlarmMs * 1000 ? awayUs : undefined;
};

const note = (
  { alarms, clock, logger }: IngestContext,
  code: 'AGENT_SILENT' | 'AGENT_GONE',
  group: string,
  forUs: number | undefined,
  message: (seconds: number) => string,
): void => {
  if (forUs === undefined) {
    if (alarms.clear(code, group)) logger.info({ group, alarm: code }, 'alarm is over');
    return;
  }
  const text = message(Math.round(forUs / 1e6));
  const sinceUs = clock.nowUs() - forUs;
  if (alarms.raise({ code, message: text, group, sinceUs, lasting: true })) {
    logger.warn({ group, alarm: code }, text);
  }
};
