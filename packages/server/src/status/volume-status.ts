import type { VolumeReport } from '@retrace/core';
import { pointFields, volumeText } from '../http/format.js';
import type { GroupPort, VolumePort } from '../journal-port.js';
import type { AgentFacts } from '../observe/agent-book.js';

/** One volume as `status` and `volumes` show it. */
export interface VolumeStatus {
  readonly volume: string;
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** As the agent reports it; before its first report, what the journal can tell. */
  readonly state: string;
  readonly reason: string;
  readonly durability: string | null;
  readonly durabilityInForce: string | null;
  readonly horizon: InstantFields | null;
  readonly latest: (InstantFields & { readonly ageMs: number }) | null;
  /** How far the newest complete instant lies back; 0 after a clean stop; null without one. */
  readonly rpoMs: number | null;
  readonly copiedBytes: number;
  readonly copyTotalBytes: number;
  readonly gaps: number;
}

interface InstantFields {
  readonly seq: number;
  readonly time: string;
  readonly timeUs: number;
}

const ageMs = (timeUs: number, nowUs: number): number =>
  Math.max(0, Math.round((nowUs - timeUs) / 1000));

/**
 * How far back the newest complete instant of a group lies, by the server's clock.
 * @returns undefined when there is none yet
 */
export const groupRpoMs = (group: GroupPort, nowUs: number): number | undefined => {
  if (group.cleanlyStopped) return 0;
  return group.watermark === undefined ? undefined : ageMs(group.watermark.timeUs, nowUs);
};

const volumeRpoMs = (group: GroupPort, volume: VolumePort, nowUs: number): number | null => {
  if (volume.latest === undefined) return null;
  // In a gap the newest instant stays where the gap began, however new the watermark is.
  if (!volume.consistent) return ageMs(volume.latest.timeUs, nowUs);
  return groupRpoMs(group, nowUs) ?? ageMs(volume.latest.timeUs, nowUs);
};

const stateOf = (volume: VolumePort, report: VolumeReport | undefined): string => {
  if (report !== undefined) return report.state;
  if (volume.consistent) return 'protected';
  return volume.horizon === undefined ? 'initial-sync' : 'resync-needed';
};

/** What is known of a volume. `agent` is undefined when none was seen since the server's start. */
export const volumeStatus = (
  group: GroupPort,
  volume: VolumePort,
  agent: AgentFacts | undefined,
  nowUs: number,
): VolumeStatus => {
  const report = agent?.volumes.get(volume.name);
  const { horizon, latest } = volume;
  return {
    volume: volumeText(volume),
    uuid: volume.uuid,
    sizeBytes: volume.sizeBytes,
    blockBytes: volume.blockBytes,
    state: stateOf(volume, report),
    reason: report?.reason ?? '',
    durability: report?.durability ?? null,
    durabilityInForce: report?.durabilityInForce ?? null,
    horizon: horizon === undefined ? null : pointFields(horizon),
    latest:
      latest === undefined ? null : { ...pointFields(latest), ageMs: ageMs(latest.timeUs, nowUs) },
    rpoMs: volumeRpoMs(group, volume, nowUs),
    copiedBytes: report?.copiedBytes ?? 0,
    copyTotalBytes: report?.copyTotalBytes ?? 0,
    gaps: volume.gapCount,
  };
};
