import { assert } from '@retrace/core';
import { PagedFloat64 } from '../index/paged-array.js';
import type { LogRecord } from '../log/log-record.js';
import { Activity, type ActivityRow } from './activity.js';
import { NumberRuns, StepRuns } from './number-runs.js';

/** Times and places of a group's records in one segment of the log. */
interface SegmentRecords {
  readonly segment: number;
  readonly firstSeq: number;
  lastSeq: number;
  readonly times: PagedFloat64;
  readonly lsns: NumberRuns;
  readonly arrivals: StepRuns;
  /** By volume. */
  readonly activity: Map<number, Activity>;
}

/**
 * What is kept in memory of each record of a group: its time, arrival and lsn, and what its volume
 * did in its second. Only of records that are in the log; those in layers are asked for there.
 */
export class RecentRecords {
  /** In order. */
  readonly #parts: SegmentRecords[] = [];

  /** The first seq that is known here; Infinity when there is none. */
  get firstSeq(): number {
    return this.#parts[0]?.firstSeq ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Takes in the next record.
   * @param lostFromSeq - the seqs from this one to the record's are lost
   * @param lostTimeUs - what stands for their times
   */
  add(record: LogRecord, lostFromSeq: number, lostTimeUs: number): void {
    const { seq, segment } = record;
    const part = this.#partOf(segment, lostFromSeq);
    for (let lost = lostFromSeq; lost < seq; lost++) part.times.push(lostTimeUs);
    part.times.push(record.timeUs);
    part.lsns.add(seq, record.lsn);
    part.arrivals.add(seq, record.arrivalUs);
    part.lastSeq = seq;
    if (record.volumeId === 0) return;
    let activity = part.activity.get(record.volumeId);
    if (activity === undefined) {
      activity = new Activity();
      part.activity.set(record.volumeId, activity);
    }
    activity.note(record.kind, record.timeUs, record.payloadBytes);
  }

  #partOf(segment: number, firstSeq: number): SegmentRecords {
    const last = this.#parts.at(-1);
    if (last?.segment === segment) return last;
    assert(last === undefined || last.segment < segment, 'segments come in order');
    const part = {
      segment,
      firstSeq,
      lastSeq: firstSeq - 1,
      times: new PagedFloat64(),
      lsns: new NumberRuns(),
      arrivals: new StepRuns(),
      activity: new Map<number, Activity>(),
    };
    this.#parts.push(part);
    return part;
  }

  /** Forgets the segments up to `segment`. */
  drop(segment: number): void {
    while (this.#parts[0] !== undefined && this.#parts[0].segment <= segment) this.#parts.shift();
  }

  /** Time of a record; undefined when it is not known here. */
  timeOf(seq: number): number | undefined {
    const part = this.#parts.findLast(({ firstSeq }) => firstSeq <= seq);
    return part?.times.get(seq - part.firstSeq);
  }

  /** Lsn of a record that is not lost; undefined when it is not known here. */
  lsnOf(seq: number): number | undefined {
    return this.#parts.findLast(({ firstSeq }) => firstSeq <= seq)?.lsns.get(seq);
  }

  /** The largest seq whose time is at most `timeUs`; undefined when none of those here is. */
  lastSeqAtTime(timeUs: number): number | undefined {
    const part = this.#parts.findLast(({ times }) => times.get(0) <= timeUs);
    return part && part.firstSeq + part.times.lastAtMost(timeUs);
  }

  /** The largest seq that had arrived by `arrivalUs`; undefined when none of those here had. */
  lastSeqAtArrival(arrivalUs: number): number | undefined {
    for (const { arrivals, lastSeq } of this.#parts.toReversed()) {
      const above = arrivals.firstSeqAbove(arrivalUs);
      if (above === undefined) return lastSeq;
      if (above > arrivals.firstSeq) return above - 1;
    }
    return undefined;
  }

  /** Seconds of a volume that touch [fromUs, toUs], in order; a second may come twice. */
  *activity(volumeId: number, fromUs: number, toUs: number): Generator<ActivityRow> {
    for (const part of this.#parts) {
      yield* part.activity.get(volumeId)?.rows(fromUs, toUs) ?? [];
    }
  }
}
