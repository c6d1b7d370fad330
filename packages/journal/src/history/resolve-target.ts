import {
  type GroupId,
  type InstantRequest,
  RetraceError,
  type Seq,
  type TimeUs,
  type VolumeId,
} from '@retrace/core';
import type { Group } from '../group/group.js';
import type { Volume } from '../group/volume.js';
import { agentNow, type InstantPlace, type ResolvedInstant, resolveInstant } from './resolve.js';

/** What an instant of a volume or group resolved to. */
export interface Resolution extends ResolvedInstant {
  readonly groupId: GroupId;
  /** Undefined for a whole group. */
  readonly volumeId: VolumeId | undefined;
  /** Neighbours among the instants that can be had. */
  readonly before: InstantPlace | undefined;
  readonly after: InstantPlace | undefined;
  /** For a group: the volumes that are consistent there; at least one. */
  readonly volumes: readonly VolumeId[] | undefined;
}

/**
 * Resolves an instant of a volume, or of a group as a whole: then the one seq is the same for all
 * its volumes, and those that have no consistent state there are left out by name.
 * @throws RetraceError INSTANT_*
 */
export const resolveTarget = async (
  group: Group,
  volume: Volume | undefined,
  asked: InstantRequest,
  nowUs: number,
): Promise<Resolution> => {
  const { history } = group;
  const request = fixAgo(asked, group, nowUs);
  const ownHistory = volume === undefined ? undefined : history.volume(volume.id);
  const target = volume?.fullName ?? group.name;
  const found = await resolveInstant({ history, volume: ownHistory, target, nowUs }, request);
  const volumes =
    volume === undefined ? await consistentVolumes(group, request, found.seq, nowUs) : undefined;
  const before =
    found.seq > 1 ? (ownHistory?.lastConsistent(found.seq - 1) ?? undefined) : undefined;
  const after = ownHistory?.nextConsistent(found.seq);
  return {
    ...found,
    groupId: group.id,
    volumeId: volume?.id,
    before: before === undefined ? undefined : await place(group, before),
    after: after === undefined || after > history.lastSeq ? undefined : await place(group, after),
    volumes,
  };
};

const place = async (group: Group, seq: number): Promise<InstantPlace> => ({
  seq,
  timeUs: await group.history.timeOf(seq),
});

/** "Five minutes ago" is one time for all volumes of a group, whatever comes in meanwhile. */
const fixAgo = (request: InstantRequest, group: Group, nowUs: number): InstantRequest => {
  const { instant, nearest } = request;
  if (instant.kind !== 'ago') return request;
  const timeUs = agentNow({ history: group.history, nowUs }) - instant.us;
  return { instant: { kind: 'time', timeUs: timeUs as TimeUs }, nearest };
};

const consistentVolumes = async (
  group: Group,
  request: InstantRequest,
  seq: number,
  nowUs: number,
): Promise<readonly VolumeId[]> => {
  const { history } = group;
  // The newest instant of the group stays the one found, whatever comes in meanwhile.
  const own: InstantRequest =
    request.instant.kind === 'latest'
      ? { instant: { kind: 'seq', seq: seq as Seq }, nearest: false }
      : request;
  let refusal: unknown;
  const consistent: VolumeId[] = [];
  for (const { id, fullName } of group.volumes) {
    try {
      const context = { history, volume: history.volume(id), target: fullName, nowUs };
      if ((await resolveInstant(context, own)).seq === seq) consistent.push(id);
    } catch (error) {
      refusal = error;
    }
  }
  if (consistent.length > 0) return consistent;
  if (refusal instanceof RetraceError) throw refusal;
  throw new RetraceError(
    'INSTANT_IN_GAP',
    `no volume of group ${group.name} is consistent there; see retrace timeline VOLUME`,
  );
};
