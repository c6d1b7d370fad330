import type { DiskStamp } from '../backing/disk.js';
import type { CleanMark } from './agent-state.js';

/**
 * Why a disk is not what it was at its clean stop; undefined when it provably is. A block device
 * without write counters is never proven.
 */
export const changedSince = (
  mark: CleanMark,
  stamp: DiskStamp,
  isBlockDevice: boolean,
): string | undefined => {
  if (mark.sizeBytes !== stamp.sizeBytes) return 'its size has changed';
  if (isBlockDevice) {
    if (stamp.writes === '') return 'nobody counts the writes of this device';
    if (mark.writes !== stamp.writes) return 'it was written to, or the machine was restarted';
  } else {
    if (mark.mtimeNs !== stamp.mtimeNs) return 'it was written to';
    if (mark.ctimeNs !== stamp.ctimeNs) return 'it was replaced or touched';
  }
  return mark.samples === stamp.samples ? undefined : 'its contents have changed';
};
