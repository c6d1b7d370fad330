import { type GroupId, type InstantRequest, RetraceError, type VolumeId } from '@retrace/core';
import type { Group } from '../group/group.js';
import type { Volume } from '../group/volume.js';
import { type InstantPlace, type ResolvedInstant, resolveInstant } from './resolve.js';

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
export const resolveTarget = (
  group: Group,
  volume: Volume | undefined,
  request: InstantRequest,
  nowUs: number,
): Resolution => {
  const { history } = group;
  const ownHistory = volume === undefined ? undefined : history.volume(volume.id);
  const target = volume?.fullName ?? group.name;
  const found = resolveInstant({ history, volume: ownHistory, target, nowUs }, request);
  const volumes =
    volume === undefined ? consistentVolumes(group, request, found.seq, nowUs) : undefined;
  const before =
    found.seq > 1 ? (ownHistory?.lastConsistent(found.seq - 1) ?? undefined) : undefined;
  const after = ownHistory?.nextConsistent(found.seq);
  return {
    ...found,
    groupId: group.id,
    volumeId: volume?.id,
    before: before === undefined ? undefined : place(group, before),
    after: after === undefined || after > history.lastSeq ? undefined : place(group, after),
    volumes,
  };
};

const place = (group: Group, seq: number): InstantPlace => ({
  seq,
  timeUs: group.history.timeOf(seq),
});

const consistentVolumes = (
  group: Group,
  request: InstantRequest,
  seq: number,
  nowUs: number,
): readonly VolumeId[] => {
  let refusal: unknown;
  const consistent = group.volumes.filter((volume) => {
    const own = { history: group.history, volume: group.history.volume(volume.id) };
    try {
      return resolveInstant({ ...own, target: volume.fullName, nowUs }, request).seq === seq;
    } catch (error) {
      refusal = error;
      return false;
    }
  });
  if (consistent.length > 0) return consistent.map((volume) => volume.id);
  if (refusal instanceof RetraceError) throw refusal;
  throw new RetraceError(
    'INSTANT_IN_GAP',
    `no volume of group ${group.name} is consistent there; see retrace timeline VOLUME`,
  );
};
