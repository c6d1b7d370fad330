import {
  commonProtocolVersion,
  comparePositions,
  type GapReason,
  type StreamPosition,
  type Welcome,
} from '@retrace/core';

/** What the agent knows when a welcome arrives. */
export interface WelcomeFacts {
  /** The epoch of the hello. */
  readonly epoch: number;
  /** False when the hello's epoch has no records yet. */
  readonly recording: boolean;
  /** Highest n of that epoch ever handed to a connection. */
  readonly sentN: number;
  /** Highest position ever acknowledged. */
  readonly acknowledged: StreamPosition;
  readonly serverUuid: string;
  /** The clean stop that volumes go on from, without a copy; undefined when none does. */
  readonly cleanFrom: { readonly serverUuid: string; readonly at: StreamPosition } | undefined;
}

/**
 * - resume: drop what is stored, send the rest;
 * - break: the streams of agent and journal do not fit: new epoch, gap, full copy;
 * - refuse: the welcome makes no sense, or is of another protocol.
 */
export type Verdict =
  | { readonly kind: 'resume' }
  | { readonly kind: 'break'; readonly gap: GapReason; readonly why: string }
  | { readonly kind: 'refuse'; readonly why: string };

const breakFor = (gap: GapReason, why: string): Verdict => ({ kind: 'break', gap, why });
const refuse = (why: string): Verdict => ({ kind: 'refuse', why });

const show = ({ epoch, n }: StreamPosition): string => `epoch ${epoch}, record ${n}`;

/** What follows from a welcome. Pure. */
export const judgeWelcome = (facts: WelcomeFacts, welcome: Welcome): Verdict => {
  const { stored } = welcome;
  if (commonProtocolVersion(welcome.protocol, welcome.protocol) === undefined) {
    return refuse(`the server speaks protocol ${welcome.protocol}`);
  }
  if (stored.epoch > facts.epoch) return refuse(`the server claims to have ${show(stored)}`);
  const ours = stored.epoch === facts.epoch;
  if (ours && stored.n > (facts.recording ? facts.sentN : 0)) {
    return refuse(`the server claims to have ${show(stored)}, which was never sent`);
  }
  // With nothing recorded yet and nothing to go on from, a gap and full copies follow anyway.
  const goesOn = facts.recording || facts.cleanFrom !== undefined;
  const lost = welcome.acknowledgedLoss && goesOn;
  if (lost || comparePositions(stored, facts.acknowledged) < 0) {
    const known = facts.serverUuid === '' || facts.serverUuid === welcome.serverUuid;
    const who = known ? 'the server' : 'this server, which is another one than before,';
    const had = show(facts.acknowledged);
    return breakFor('acknowledged-loss', `${who} has ${show(stored)}; acknowledged was ${had}`);
  }
  const { cleanFrom } = facts;
  if (cleanFrom !== undefined && !ours) {
    if (cleanFrom.serverUuid !== welcome.serverUuid) {
      return breakFor('state-lost', 'the clean stop was journaled by another server');
    }
    if (comparePositions(stored, cleanFrom.at) !== 0) {
      const text = `the journal ends at ${show(stored)}, the clean stop at ${show(cleanFrom.at)}`;
      return breakFor('state-lost', text);
    }
  }
  return { kind: 'resume' };
};
