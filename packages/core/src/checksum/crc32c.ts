import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** CRC-32C (Castagnoli) of `bytes`, continued from `initial` where given. Unsigned 32 bits. */
export const crc32c = (bytes: Buffer, initial = 0): number => nativeCrc32c(bytes, initial);

/** How many blocks `length` bytes take; the last may be short. */
export const blockCount = (length: number, blockBytes: number): number =>
  Math.ceil(length / blockBytes);

/** One CRC-32C per block of `payload`, the last block possibly short. */
export const blockChecksums = (payload: Buffer, blockBytes: number): Uint32Array => {
  const count = blockCount(payload.length, blockBytes);
  const sums = new Uint32Array(count);
  if (count === 1) {
    sums[0] = nativeCrc32c(payload);
    return sums;
  }
  for (let i = 0; i < count; i++) {
    sums[i] = nativeCrc32c(payload.subarray(i * blockBytes, (i + 1) * blockBytes));
  }
  return sums;
};

/** Index of the first block whose checksum differs from `expected`, or -1 when all match. */
export const firstBadBlock = (
  payload: Buffer,
  blockBytes: number,
  expected: Uint32Array,
): number => {
  const actual = blockChecksums(payload, blockBytes);
  if (actual.length !== expected.length) return Math.min(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    if (actual[i] !== expected[i]) return i;
  }
  return -1;
};

/**
 * One checksum that stands for a list of block checksums: CRC-32C over their little-endian bytes.
 * It identifies a record's contents without touching its payload again.
 */
export const checksumDigest = (sums: Uint32Array): number => {
  const bytes = Buffer.allocUnsafe(sums.length * 4);
  for (let i = 0; i < sums.length; i++) bytes.writeUInt32LE(sums[i]!, i * 4);
  return nativeCrc32c(bytes);
};
