import { MapReader } from '@retrace/core';
import type { Catalog, CatalogChange } from '../catalog/catalog.js';
import { type Damage, damage } from '../storage/damage.js';
import { parseSegmentName, segmentName } from './segment-paths.js';

/** Kind of the catalog's entries that name the segments. */
export const SEGMENT_KIND = 'segment';

/** Why a segment ended: it was full or old, a commit failed, the server stopped or died. */
export type SegmentClosing = 'full' | 'failed' | 'stopped' | 'recovered';

const CLOSINGS = ['full', 'failed', 'stopped', 'recovered'] as const;

/** A segment as the catalog has it. */
export interface SegmentRecord {
  readonly segment: number;
  readonly firstLsn: number;
  readonly firstCommit: number;
  /** Undefined while it is being written, and after a crash until the next start. */
  readonly end:
    | undefined
    | {
        /** `firstLsn - 1` when it has no records. */
        readonly lastLsn: number;
        readonly lastCommit: number;
        /** Bytes of the payload file that count; what follows is a torn tail. */
        readonly payloadBytes: number;
        /** Arrival of the last commit; 0 when there is none. */
        readonly lastArrivalUs: number;
        readonly closing: SegmentClosing;
      };
  /** The layer it was sealed into: nothing reads its files any more. */
  readonly layer: number | undefined;
}

/** The change of the catalog that says what `record` says. */
export const segmentChange = ({
  segment,
  firstLsn,
  firstCommit,
  end,
  layer,
}: SegmentRecord): CatalogChange => ({
  kind: SEGMENT_KIND,
  id: segmentName(segment),
  value: {
    ...{ firstLsn, firstCommit },
    ...(end === undefined ? {} : { end }),
    ...(layer === undefined ? {} : { layer }),
  },
});

const readRecord = (segment: number, value: Readonly<Record<string, unknown>>): SegmentRecord => {
  const reader = new MapReader(value, 'segment');
  const end = reader.has('end') ? reader.map('end') : undefined;
  return {
    segment,
    firstLsn: reader.count('firstLsn'),
    firstCommit: reader.count('firstCommit'),
    end: end && {
      lastLsn: end.count('lastLsn'),
      lastCommit: end.count('lastCommit'),
      payloadBytes: end.count('payloadBytes'),
      lastArrivalUs: end.count('lastArrivalUs'),
      closing: end.oneOf('closing', CLOSINGS),
    },
    layer: reader.has('layer') ? reader.count('layer') : undefined,
  };
};

/** The segments the catalog knows, by number. */
export const catalogSegments = (
  catalog: Catalog,
): { readonly records: ReadonlyMap<number, SegmentRecord>; readonly problems: Damage[] } => {
  const records = new Map<number, SegmentRecord>();
  const problems: Damage[] = [];
  for (const { id, value } of catalog.list(SEGMENT_KIND)) {
    const segment = parseSegmentName(id);
    try {
      if (segment !== undefined) records.set(segment, readRecord(segment, value));
    } catch (error) {
      problems.push(damage(`catalog segment "${id}"`, (error as Error).message));
    }
  }
  return { records, problems };
};

/** A segment in use: what of it may be read. */
export interface SegmentRange {
  readonly segment: number;
  readonly firstLsn: number;
  /** `firstLsn - 1` when there are no records. */
  readonly lastLsn: number;
  /** Bytes of the payload file that count. */
  readonly payloadBytes: number;
}

/** The chain of segments, in lsn order. */
export class SegmentTable {
  readonly #ranges: SegmentRange[] = [];

  /** Adds the next segment, or replaces the last one by its newer range. */
  set(range: SegmentRange): void {
    const last = this.#ranges[this.#ranges.length - 1];
    if (last?.segment === range.segment) this.#ranges.pop();
    this.#ranges.push(range);
  }

  /** Forgets the segments up to `segment`: they are sealed. */
  drop(segment: number): void {
    while (this.#ranges[0] !== undefined && this.#ranges[0].segment <= segment) {
      this.#ranges.shift();
    }
  }

  all(): readonly SegmentRange[] {
    return [...this.#ranges];
  }

  /** Segments with records in [fromLsn, toLsn]. */
  overlapping(fromLsn: number, toLsn: number): readonly SegmentRange[] {
    return this.#ranges.filter(({ firstLsn, lastLsn }) => firstLsn <= toLsn && lastLsn >= fromLsn);
  }
}
