import { type Caller, covers } from '../auth/roles.js';
import type { HttpContext } from '../http/context.js';
import { pointFields, timeFields } from '../http/format.js';
import type { GroupPort } from '../journal-port.js';
import { type VolumeStatus, volumeStatus } from './volume-status.js';

/** The answer to `GET /v1/status`. */
export const serverStatus = (context: HttpContext, caller: Caller): object => {
  const nowUs = context.clock.nowUs();
  const { version, dataDir, startedUs, nbdUris } = context.facts();
  const groups = visibleGroups(context, caller);
  return {
    server: {
      uuid: context.journal.serverUuid,
      version,
      dataDir,
      startedAt: timeFields(startedUs).time,
      startedAtUs: startedUs,
      ...timeFields(nowUs),
      nbd: nbdUris,
      tokensRequired: context.tokens.required,
      problems: context.problems(),
    },
    groups: groups.map((group) => groupStatus(context, group, nowUs)),
    alarms: context.alarms
      .list(nowUs)
      .filter(({ group }) => covers(caller, group))
      .map(({ sinceUs, ...alarm }) => ({ ...alarm, since: timeFields(sinceUs).time, sinceUs })),
  };
};

/** The groups a caller may see, by name. */
export const visibleGroups = (context: HttpContext, caller: Caller): readonly GroupPort[] =>
  context.journal
    .groups()
    .filter(({ name }) => covers(caller, name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** The volumes of a group as they stand. */
export const groupVolumes = (
  context: HttpContext,
  group: GroupPort,
  nowUs: number,
): VolumeStatus[] => {
  const agent = context.agents.get(group.name);
  return group.volumes.map((volume) => volumeStatus(group, volume, agent, nowUs));
};

const groupStatus = (context: HttpContext, group: GroupPort, nowUs: number): object => {
  const agent = context.agents.get(group.name);
  const { latest, watermark } = group;
  return {
    name: group.name,
    uuid: group.uuid,
    epoch: group.stream.stored.epoch,
    agent:
      agent === undefined
        ? null
        : {
            connected: agent.connected,
            remote: agent.remote,
            software: agent.software,
            since: timeFields(agent.sinceUs).time,
            sinceUs: agent.sinceUs,
            silentMs: Math.max(0, Math.round((nowUs - agent.heardUs) / 1000)),
          },
    latest: latest === undefined ? null : pointFields(latest),
    watermark: watermark === undefined ? null : pointFields(watermark),
    queuedBytes: agent?.queuedBytes ?? 0,
    queuedRecords: agent?.queuedRecords ?? 0,
    volumes: groupVolumes(context, group, nowUs),
  };
};
