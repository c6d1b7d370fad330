import type { SegmentRange } from '../log/segment-table.js';
import type { SealLimits } from './limits.js';

/** A closed segment, with the arrival of its last record. */
export interface ClosedSegment extends SegmentRange {
  readonly lastArrivalUs: number;
}

const recordsOf = ({ firstLsn, lastLsn }: SegmentRange): number => lastLsn - firstLsn + 1;

/**
 * Which of the closed segments, oldest first, are to be sealed as one layer now: none as long as
 * they are few and young, for a layer of its own costs a file and a visit of every read.
 */
export const chooseSegments = (
  closed: readonly ClosedSegment[],
  nowUs: number,
  limits: SealLimits,
): readonly ClosedSegment[] => {
  const chosen: ClosedSegment[] = [];
  let bytes = 0;
  let records = 0;
  for (const segment of closed) {
    const isOver =
      bytes + segment.payloadBytes > limits.sealBytesMax ||
      records + recordsOf(segment) > limits.sealRecordsMax;
    if (chosen.length > 0 && isOver) break;
    chosen.push(segment);
    bytes += segment.payloadBytes;
    records += recordsOf(segment);
  }
  if (records === 0) return [];
  const isDue =
    chosen.length < closed.length ||
    bytes >= limits.sealBytesMin ||
    records >= limits.sealRecordsMin ||
    chosen.length >= limits.sealSegmentsMin ||
    nowUs - chosen[0]!.lastArrivalUs >= limits.sealAgeUsMax;
  return isDue ? chosen : [];
};
