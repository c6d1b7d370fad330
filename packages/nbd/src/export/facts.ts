import { NbdError } from '../errors.js';
import type { NbdLimits } from '../limits.js';
import { TransmissionFlag as Flag } from '../protocol/constants.js';
import type { NbdExportInfo } from './export.js';

const BLOCK_BYTES_MAX = 64 * 1024;
const PREFERRED_BYTES_MIN = 512;
const PREFERRED_BYTES_DEFAULT = 4096;

/** An export's block sizes with the defaults filled in and checked. */
export interface BlockSizes {
  readonly minBytes: number;
  readonly preferredBytes: number;
  readonly maxBytes: number;
}

const isPowerOfTwo = (value: number): boolean =>
  Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value));

/**
 * Checks what a backend says of its export.
 *
 * @throws NbdError NBD_BAD_EXPORT, naming the number that is wrong.
 */
export function blockSizes(info: NbdExportInfo, limits: NbdLimits): BlockSizes {
  const minBytes = info.minBlockBytes ?? 1;
  const preferredBytes = info.preferredBlockBytes ?? Math.max(PREFERRED_BYTES_DEFAULT, minBytes);
  const wished = Math.min(info.maxPayloadBytes ?? limits.payloadBytesMax, limits.payloadBytesMax);
  const maxBytes = wished - (wished % minBytes);
  const bad = (what: string, value: number): NbdError =>
    new NbdError('NBD_BAD_EXPORT', `export '${info.name}': ${what} is ${value}`);
  if (!Number.isSafeInteger(info.sizeBytes) || info.sizeBytes < 0) {
    throw bad('size', info.sizeBytes);
  }
  if (!isPowerOfTwo(minBytes) || minBytes > BLOCK_BYTES_MAX) throw bad('smallest block', minBytes);
  if (
    !isPowerOfTwo(preferredBytes) ||
    preferredBytes < Math.max(minBytes, PREFERRED_BYTES_MIN) ||
    preferredBytes > 2 ** 31
  ) {
    throw bad('preferred block', preferredBytes);
  }
  if (!Number.isSafeInteger(maxBytes) || maxBytes < minBytes) throw bad('largest payload', wished);
  return { minBytes, preferredBytes, maxBytes };
}

/** The 16 transmission flags of an export; DF is offered with structured replies only. */
export function transmissionFlags(info: NbdExportInfo, structured: boolean): number {
  const { supports, readOnly } = info;
  const writable = !readOnly;
  let flags = Flag.HAS_FLAGS;
  if (readOnly) flags |= Flag.READ_ONLY;
  if (supports.flush) flags |= Flag.SEND_FLUSH;
  if (writable && supports.fua) flags |= Flag.SEND_FUA;
  if (supports.rotational === true) flags |= Flag.ROTATIONAL;
  if (writable && supports.trim) flags |= Flag.SEND_TRIM;
  if (writable && supports.writeZeroes) flags |= Flag.SEND_WRITE_ZEROES;
  if (structured) flags |= Flag.SEND_DF;
  if (info.canMultiConn) flags |= Flag.CAN_MULTI_CONN;
  if (supports.cache) flags |= Flag.SEND_CACHE;
  if (writable && supports.writeZeroes && supports.fastZero === true) flags |= Flag.SEND_FAST_ZERO;
  return flags;
}
