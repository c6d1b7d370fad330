import { NbdError } from '../../errors.js';
import type { NbdExtent } from '../../export/export.js';
import { AllocationFlag } from '../../protocol/constants.js';

const EXTENT_BYTES = 8;

const statusOf = (extent: NbdExtent): number =>
  (extent.hole ? AllocationFlag.HOLE : 0) | (extent.zero ? AllocationFlag.ZERO : 0);

/**
 * The payload of a BLOCK_STATUS chunk: context id, then (length32, status32) each. Neighbours of
 * one kind are joined, and what lies behind the range is cut off.
 *
 * @throws NbdError NBD_BAD_EXPORT when a backend gave no extent, or one without length.
 */
export function encodeExtents(
  contextId: number,
  extents: readonly NbdExtent[],
  length: number,
  countMax: number,
): Buffer {
  const payload = Buffer.allocUnsafe(4 + EXTENT_BYTES * Math.min(extents.length, countMax));
  payload.writeUInt32BE(contextId, 0);
  let count = 0;
  let left = length;
  let runBytes = 0;
  let runStatus = -1;
  const endRun = (): void => {
    if (runBytes === 0) return;
    payload.writeUInt32BE(runBytes, 4 + EXTENT_BYTES * count);
    payload.writeUInt32BE(runStatus, 8 + EXTENT_BYTES * count);
    count += 1;
    runBytes = 0;
  };
  for (const extent of extents) {
    if (!Number.isSafeInteger(extent.length) || extent.length <= 0) {
      throw new NbdError('NBD_BAD_EXPORT', `an extent of ${extent.length} bytes`);
    }
    const status = statusOf(extent);
    if (status !== runStatus) {
      endRun();
      if (count === countMax) break;
      runStatus = status;
    }
    const taken = Math.min(extent.length, left);
    runBytes += taken;
    left -= taken;
    if (left === 0) break;
  }
  endRun();
  if (count === 0) throw new NbdError('NBD_BAD_EXPORT', 'no extent was given');
  return payload.subarray(0, 4 + EXTENT_BYTES * count);
}
