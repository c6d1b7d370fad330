import { LEVEL_MAX, regionBlocks } from '../index/dyadic.js';

/** What a row says of its block. The numbers are those of the files: never change one. */
export const ROW_KIND = {
  /** The block's bytes are in this layer. */
  data: 0,
  /** It reads as zeros. */
  zero: 1,
  /** It was written, and its bytes were damaged before they came here. */
  lost: 2,
} as const;
export type RowKind = (typeof ROW_KIND)[keyof typeof ROW_KIND];
export const ROW_KIND_MAX = ROW_KIND.lost;

/** A range that reads as zeros since `seq`: blocks [index * 2^level, (index + 1) * 2^level). */
export interface LayerRegion {
  readonly level: number;
  readonly index: number;
  readonly seq: number;
}

/** What a volume did within one second, counted from the Unix epoch. */
export interface ActivityRow {
  readonly second: number;
  readonly records: number;
  readonly writes: number;
  /** Zero and trim records. */
  readonly trims: number;
  readonly flushes: number;
  /** Bytes written. */
  readonly bytes: number;
}

/** Above every index of a region. */
const KEYS_PER_LEVEL = 2 ** 42;
export const REGION_KEY_MAX = (LEVEL_MAX + 1) * KEYS_PER_LEVEL - 1;

/** Level and index as one exact number, which sorts as the two do. */
export const regionKey = (level: number, index: number): number => level * KEYS_PER_LEVEL + index;

export const levelOfKey = (key: number): number => Math.floor(key / KEYS_PER_LEVEL);

export const indexOfKey = (key: number): number => key % KEYS_PER_LEVEL;

/** Blocks of a region, and the first of them. */
export const regionOfKey = (key: number): { readonly start: number; readonly blocks: number } => {
  const blocks = regionBlocks(levelOfKey(key));
  return { start: indexOfKey(key) * blocks, blocks };
};
