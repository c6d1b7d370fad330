import { RECORD_KIND, type RecordKind } from '@retrace/core';
import { PagedFloat64 } from '../index/paged-array.js';

/** What a volume did within a stretch of time. */
export interface ActivityCounts {
  records: number;
  writes: number;
  /** Zero and trim records. */
  trims: number;
  flushes: number;
  /** Bytes written; zeros and trims do not count. */
  bytes: number;
}

/** Counts of one second of the agent's clock, counted from the Unix epoch. */
export interface ActivityRow extends Readonly<ActivityCounts> {
  readonly second: number;
}

/** Counts over [fromUs, toUs). */
export interface ActivityBucket extends ActivityCounts {
  readonly fromUs: number;
  readonly toUs: number;
}

const SECOND_US = 1_000_000;
const COLUMNS = 6;

/** Counts of one volume per second of its agent's clock; only seconds with a record take memory. */
export class Activity {
  /** Rows of COLUMNS: second, records, writes, trims, flushes, bytes. */
  readonly #rows = new PagedFloat64();
  readonly #seconds = new PagedFloat64();

  note(kind: RecordKind, timeUs: number, bytes: number): void {
    const second = Math.floor(timeUs / SECOND_US);
    const last = this.#seconds.length - 1;
    if (last < 0 || this.#seconds.get(last) < second) this.#seconds.push(second);
    const row = (this.#seconds.length - 1) * COLUMNS;
    this.#rows.set(row, second);
    this.#add(row + 1, 1);
    if (kind === RECORD_KIND.write) {
      this.#add(row + 2, 1);
      this.#add(row + 5, bytes);
    } else if (kind === RECORD_KIND.zero || kind === RECORD_KIND.trim) {
      this.#add(row + 3, 1);
    } else if (kind === RECORD_KIND.flush) {
      this.#add(row + 4, 1);
    }
  }

  #add(index: number, by: number): void {
    const before = index < this.#rows.length ? this.#rows.get(index) : 0;
    this.#rows.set(index, before + by);
  }

  /** Seconds that hold any record and touch [fromUs, toUs], in order. */
  *rows(fromUs: number, toUs: number): Generator<ActivityRow> {
    const first = this.#seconds.lastAtMost(Math.floor(fromUs / SECOND_US) - 1) + 1;
    for (let i = first; i < this.#seconds.length; i++) {
      const at = i * COLUMNS;
      const second = this.#rows.get(at);
      if (second * SECOND_US > toUs) return;
      yield {
        second,
        records: this.#rows.get(at + 1),
        writes: this.#rows.get(at + 2),
        trims: this.#rows.get(at + 3),
        flushes: this.#rows.get(at + 4),
        bytes: this.#rows.get(at + 5),
      };
    }
  }
}

/**
 * Buckets of `bucketUs` from `fromUs` (rounded down to a whole second) that hold any record, in
 * order. A second belongs to the bucket in which it begins.
 * @param rows - in order of their seconds; one second may come in several rows
 */
export const activityBuckets = (
  rows: Iterable<ActivityRow>,
  fromUs: number,
  bucketUs: number,
): ActivityBucket[] => {
  const originUs = Math.floor(fromUs / SECOND_US) * SECOND_US;
  const out: ActivityBucket[] = [];
  for (const row of rows) {
    const index = Math.floor((row.second * SECOND_US - originUs) / bucketUs);
    const startUs = originUs + index * bucketUs;
    let bucket = out.at(-1);
    if (bucket === undefined || bucket.fromUs !== startUs) {
      const counts = { records: 0, writes: 0, trims: 0, flushes: 0, bytes: 0 };
      bucket = { fromUs: startUs, toUs: startUs + bucketUs, ...counts };
      out.push(bucket);
    }
    bucket.records += row.records;
    bucket.writes += row.writes;
    bucket.trims += row.trims;
    bucket.flushes += row.flushes;
    bucket.bytes += row.bytes;
  }
  return out;
};
