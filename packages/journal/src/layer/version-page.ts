import { ColumnsWriter } from './columns.js';
import { corrupt } from './corrupt.js';
import { LAYER_BOUNDS } from './limits.js';
import type { DecodedPart } from './part.js';
import { REGION_KEY_MAX } from './rows.js';

/**
 * Versions sorted by (key, seq): of blocks, whose key is their number, or of regions
 * (rows.ts: regionKey). What is common to pages of both.
 */
export interface VersionPage {
  readonly count: number;
  readonly keys: Float64Array;
  readonly seqs: Float64Array;
  readonly memoryBytes: number;
}

/** Columns of a region page. The numbers are those of the files: never change one. */
const COLUMN = { key: 1, seq: 2 } as const;

export const regionPageColumns = (
  keys: Float64Array,
  seqs: Float64Array,
  count: number,
): ColumnsWriter =>
  new ColumnsWriter().deltas(COLUMN.key, keys, count).deltas(COLUMN.seq, seqs, count);

/** @throws RetraceError CORRUPTION */
export const decodeRegionPage = ({ columns }: DecodedPart, place: string): VersionPage => {
  const count = columns.count(COLUMN.key);
  if (count === 0 || count > LAYER_BOUNDS.pageRows) {
    throw corrupt(place, `a page of ${count} regions`);
  }
  const keys = columns.numbers(COLUMN.key, count);
  const seqs = columns.numbers(COLUMN.seq, count);
  if (keys[count - 1]! > REGION_KEY_MAX) throw corrupt(place, 'a region beyond the highest level');
  return { count, keys, seqs, memoryBytes: count * 16 };
};

/** True when (keyA, seqA) sorts before (keyB, seqB). */
export const isBefore = (keyA: number, seqA: number, keyB: number, seqB: number): boolean =>
  keyA < keyB || (keyA === keyB && seqA < seqB);

/**
 * The first row of sorted versions at or after (key, seq); their number when there is none.
 * @param from - a row to begin at: rows before it are known to sort before
 */
export const lowerBound = (
  { keys, seqs, count }: Pick<VersionPage, 'keys' | 'seqs' | 'count'>,
  key: number,
  seq: number,
  from = 0,
): number => {
  // Neighbours are asked for in turn, mostly: look near `from` first.
  let low = from;
  let high = from;
  for (let step = 1; high < count && isBefore(keys[high]!, seqs[high]!, key, seq); step *= 2) {
    low = high + 1;
    high += step;
  }
  high = Math.min(high, count);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(keys[middle]!, seqs[middle]!, key, seq)) low = middle + 1;
    else high = middle;
  }
  return low;
};
