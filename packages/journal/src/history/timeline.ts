import { type ActivityBucket, type ActivityRow, activityBuckets } from './activity.js';
import type { GroupHistory } from './group-history.js';
import type { Bookmark } from './history-facts.js';
import type { GapCause } from './volume-history.js';

/** A gap as a timeline shows it; the ends are undefined while it is open. */
export interface TimelineGap {
  readonly reason: GapCause;
  /** The last consistent seq before it, 0 when there was none. */
  readonly fromSeq: number;
  readonly fromTimeUs: number;
  readonly toSeq: number | undefined;
  readonly toTimeUs: number | undefined;
}

/** What a volume did between two times. */
export interface Timeline {
  readonly buckets: readonly ActivityBucket[];
  readonly bookmarks: readonly Bookmark[];
  readonly gaps: readonly TimelineGap[];
}

/** What part of a timeline, in buckets of what length. */
export interface TimelineSpan {
  readonly fromUs: number;
  readonly toUs: number;
  readonly bucketUs: number;
}

/**
 * The timeline of a volume between two times, both inclusive.
 * @param rows - what it did in each second of the span, in order
 */
export const timelineOf = (
  history: GroupHistory,
  volumeId: number,
  rows: Iterable<ActivityRow>,
  { fromUs, toUs, bucketUs }: TimelineSpan,
): Timeline => {
  const { firstTimeUs } = history;
  return {
    buckets: activityBuckets(rows, fromUs, bucketUs),
    bookmarks: [...history.bookmarks.values()].filter(
      ({ timeUs }) => timeUs >= fromUs && timeUs <= toUs,
    ),
    gaps: history
      .volume(volumeId)
      .gaps.filter((gap) => gap.afterTimeUs <= toUs && gap.untilTimeUs >= fromUs)
      .map((gap) => ({
        reason: gap.reason,
        fromSeq: gap.afterSeq,
        // Before the first record there is no time: the first copy's gap begins with it.
        fromTimeUs: gap.afterSeq === 0 ? firstTimeUs : gap.afterTimeUs,
        toSeq: finite(gap.untilSeq),
        toTimeUs: finite(gap.untilTimeUs),
      })),
  };
};

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined);
