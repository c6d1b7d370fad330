/** Bytes from `offset`, `length` of them, on block boundaries (or the volume's end). */
export interface BlockRange {
  readonly offset: number;
  readonly length: number;
}

/** True when a range starts at a block and ends at one, or with the volume. */
export const isWholeBlocks = (
  offset: number,
  length: number,
  blockBytes: number,
  sizeBytes: number,
): boolean =>
  offset % blockBytes === 0 &&
  ((offset + length) % blockBytes === 0 || offset + length === sizeBytes);

/** The whole blocks a range touches. */
export const touchedBlocks = (
  offset: number,
  length: number,
  blockBytes: number,
  sizeBytes: number,
): BlockRange => {
  const start = offset - (offset % blockBytes);
  const end = offset + length;
  const over = end % blockBytes;
  const stop = over === 0 ? end : Math.min(end - over + blockBytes, sizeBytes);
  return { offset: start, length: stop - start };
};

/** The whole blocks within a range; length 0 when there are none. */
export const innerBlocks = (
  offset: number,
  length: number,
  blockBytes: number,
  sizeBytes: number,
): BlockRange => {
  const over = offset % blockBytes;
  const start = over === 0 ? offset : offset - over + blockBytes;
  const end = offset + length;
  const stop = end === sizeBytes ? end : end - (end % blockBytes);
  return stop > start ? { offset: start, length: stop - start } : { offset: start, length: 0 };
};
