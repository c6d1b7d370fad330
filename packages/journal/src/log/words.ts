const HIGH = 2 ** 32;

/** Reads a u64 of two little-endian words; above 2^53 it is no longer exact. */
export const u64At = (words: Uint32Array, index: number): number =>
  words[index]! + words[index + 1]! * HIGH;

/** Writes a non-negative safe integer as two little-endian words. */
export const setU64 = (words: Uint32Array, index: number, value: number): void => {
  const low = value >>> 0;
  words[index] = low;
  words[index + 1] = (value - low) / HIGH;
};

/** The words of a buffer whose length is a multiple of 4; a copy when it is not aligned. */
export const wordsOf = (bytes: Buffer): Uint32Array => {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
};
