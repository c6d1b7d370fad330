import { formatTime } from '@retrace/core';
import { type JsonMap, mapsField, numberField, textField } from '../../client/fields.js';

const SECOND_MS = 1000;

/** Counts of one bucket; buckets in which nothing was recorded are left out. */
export interface Bucket {
  readonly timeUs: number;
  readonly records: number;
  readonly bytes: number;
  readonly writes: number;
  readonly flushes: number;
  readonly trims: number;
}

/** A stretch without an instant that can be had; the times at its two ends can. */
export interface Gap {
  /** False for the time before the first copy was complete: nothing can be had at its start. */
  readonly hasBefore: boolean;
  readonly fromUs: number;
  /** Infinity while the gap is open. */
  readonly toUs: number;
  readonly reason: string;
}

/** A named instant. */
export interface Bookmark {
  readonly name: string;
  readonly seq: number | undefined;
  readonly timeUs: number;
  readonly consistency: string;
}

/** First and last time of a range, both inclusive. */
export interface TimeRange {
  readonly fromUs: number;
  readonly toUs: number;
}

/** The server's timeline, its fields checked. */
export interface Timeline {
  readonly volume: string;
  /** Undefined when the answer names none. */
  readonly range: TimeRange | undefined;
  readonly bucketUs: number;
  readonly buckets: readonly Bucket[];
  readonly gaps: readonly Gap[];
  readonly bookmarks: readonly Bookmark[];
}

const bucketsOf = (answer: JsonMap): readonly Bucket[] =>
  mapsField(answer, 'buckets').flatMap((map) => {
    const timeUs = numberField(map, 'timeUs');
    if (timeUs === undefined) return [];
    const count = (field: string): number => Math.max(0, numberField(map, field) ?? 0);
    return [
      {
        timeUs,
        records: count('records'),
        bytes: count('bytes'),
        writes: count('writes'),
        flushes: count('flushes'),
        trims: count('trims'),
      },
    ];
  });

const gapsOf = (answer: JsonMap): readonly Gap[] =>
  mapsField(answer, 'gaps').flatMap((map) => {
    const fromUs = numberField(map, 'fromTimeUs');
    if (fromUs === undefined) return [];
    return [
      {
        hasBefore: numberField(map, 'fromSeq') !== 0,
        fromUs,
        toUs: numberField(map, 'toTimeUs') ?? Number.POSITIVE_INFINITY,
        reason: textField(map, 'reason') ?? '-',
      },
    ];
  });

const bookmarksOf = (answer: JsonMap): readonly Bookmark[] =>
  mapsField(answer, 'bookmarks').flatMap((map) => {
    const timeUs = numberField(map, 'timeUs');
    if (timeUs === undefined) return [];
    return [
      {
        name: textField(map, 'name') ?? '-',
        seq: numberField(map, 'seq'),
        timeUs,
        consistency: textField(map, 'consistency') ?? '-',
      },
    ];
  });

/** Reads the answer of `GET /v1/timeline`; what has no time cannot be drawn and is left out. */
export const readTimeline = (answer: JsonMap): Timeline => {
  const buckets = bucketsOf(answer);
  const times = buckets.map(({ timeUs }) => timeUs);
  const fromUs = numberField(answer, 'fromUs') ?? times[0];
  const toUs = numberField(answer, 'toUs') ?? times.at(-1);
  return {
    volume: textField(answer, 'volume') ?? '-',
    range: fromUs === undefined || toUs === undefined ? undefined : { fromUs, toUs },
    bucketUs: Math.max(1, numberField(answer, 'bucketMs') ?? SECOND_MS) * 1000,
    buckets,
    gaps: gapsOf(answer),
    bookmarks: bookmarksOf(answer),
  };
};

/** Where a volume's instants begin and end, as far as the server told. */
export interface Places {
  /** The oldest instant that can be had; undefined before the first copy is complete. */
  readonly horizonUs: number | undefined;
  /** The newest instant. */
  readonly latestUs: number | undefined;
  /** Up to here it is known what was written: times after `latestUs` read as that. */
  readonly knownUs: number | undefined;
}

/** True where the volume has an instant at this very time. */
export const canBeHad = (timeUs: number, gaps: readonly Gap[], places: Places): boolean => {
  const { horizonUs, latestUs } = places;
  if (horizonUs === undefined || timeUs < horizonUs) return false;
  const untilUs = places.knownUs ?? latestUs;
  if (untilUs !== undefined && timeUs > untilUs) return false;
  return !gaps.some((gap) => timeUs > gap.fromUs && timeUs < gap.toUs);
};

/** A time as an instant to copy, without decimals where they are all zero. */
export const instantText = (timeUs: number): string => formatTime(timeUs).replace('.000000Z', 'Z');
