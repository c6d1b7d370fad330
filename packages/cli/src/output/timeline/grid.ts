import { formatDuration } from '../units.js';
import type { Bucket, Timeline } from './model.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Spans that people count in, in milliseconds; those below a day divide it. */
export const USUAL_SPANS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 15, 20, 30].map((count) => count * SECOND_MS),
  ...[1, 2, 5, 10, 15, 20, 30].map((count) => count * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 8, 12].map((count) => count * HOUR_MS),
  ...[1, 2, 7, 30, 90].map((count) => count * DAY_MS),
];

/** Columns that stand left of a drawing for the names of its rows. */
export const GUTTER_COLUMNS = 11;

/** Columns left for the drawing itself. */
export const drawingColumns = (width: number): number => Math.max(1, width - GUTTER_COLUMNS);

/** The shortest usual span of which `columns` or fewer cover all of `spanMs`; at least a second. */
export const fittingBucketMs = (spanMs: number, columns: number): number => {
  // One column more may be begun at either end.
  const room = Math.max(columns - 2, 1);
  const found = USUAL_SPANS_MS.find((bucketMs) => spanMs / bucketMs <= room);
  return found ?? Math.ceil(spanMs / room / DAY_MS) * DAY_MS;
};

/** The span of a bucket or column: `1 s`, `5 min`. */
export const bucketText = (spanUs: number): string =>
  formatDuration(spanUs / 1000).replace('.0 s', ' s');

/** The columns a timeline is drawn in; each one covers [start, start + columnUs). */
export interface Grid {
  readonly startUs: number;
  readonly columnUs: number;
  readonly columns: number;
}

const SECOND_US = 1e6;

/**
 * The range as columns: one a bucket, or several buckets a column where there are more of them.
 * Undefined when the answer names no range.
 */
export const gridOf = (
  { range, buckets, bucketUs }: Timeline,
  columnsMax: number,
): Grid | undefined => {
  if (range === undefined) return undefined;
  let { fromUs, toUs } = range;
  for (const { timeUs } of buckets) {
    fromUs = Math.min(fromUs, timeUs);
    toUs = Math.max(toUs, timeUs);
  }
  // The server cuts buckets from the whole second in which the range begins.
  const startUs = Math.floor(fromUs / SECOND_US) * SECOND_US;
  const count = Math.floor((toUs - startUs) / bucketUs) + 1;
  const merged = Math.ceil(count / columnsMax);
  return { startUs, columnUs: bucketUs * merged, columns: Math.ceil(count / merged) };
};

/** The column of a time; outside of 0 to `columns` - 1 for one outside of the range. */
export const columnOf = (grid: Grid, timeUs: number): number =>
  Math.floor((timeUs - grid.startUs) / grid.columnUs);

/** When a column begins. */
export const columnStartUs = (grid: Grid, column: number): number =>
  grid.startUs + column * grid.columnUs;

/** Sums of one count a column. */
export const columnSums = (
  grid: Grid,
  buckets: readonly Bucket[],
  field: 'bytes' | 'records' | 'flushes',
): readonly number[] => {
  const sums = new Array<number>(grid.columns).fill(0);
  for (const bucket of buckets) {
    const column = columnOf(grid, bucket.timeUs);
    sums[column] = (sums[column] ?? 0) + bucket[field];
  }
  return sums;
};
