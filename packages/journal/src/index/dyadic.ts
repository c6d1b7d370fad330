/**
 * Block ranges as few aligned power-of-two regions: a 4 KiB write is one region of level 0, an
 * aligned 128 KiB write one of level 5, a trim of a whole tebibyte at most a few dozen.
 */

/** Highest region level: 2^41 blocks are one pebibyte of 512-byte blocks. */
export const LEVEL_MAX = 41;

/** 2^level, exact for every level (shifts work on 32 bits only). */
export const regionBlocks = (level: number): number => POWERS[level]!;

const POWERS = Array.from({ length: LEVEL_MAX + 2 }, (_, level) => 2 ** level);

/** Calls `visit(level, index)` for each region of [start, start + blocks), in order. */
export const forEachRegion = (
  start: number,
  blocks: number,
  visit: (level: number, index: number) => void,
): void => {
  if (blocks === 1) {
    visit(0, start);
    return;
  }
  let at = start;
  const end = start + blocks;
  while (at < end) {
    let level = 0;
    while (
      level < LEVEL_MAX &&
      at % regionBlocks(level + 1) === 0 &&
      at + regionBlocks(level + 1) <= end
    ) {
      level += 1;
    }
    visit(level, at / regionBlocks(level));
    at += regionBlocks(level);
  }
};
