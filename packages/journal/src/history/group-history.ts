import {
  assert,
  type Consistency,
  type Definition,
  decodeDefinition,
  decodeMark,
  type GapReason,
  type Mark,
  RECORD_KIND,
} from '@retrace/core';
import { PagedFloat64 } from '../index/paged-array.js';
import type { LogRecord } from '../log/log-record.js';
import { Activity } from './activity.js';
import { EpochList, type EpochRun } from './epoch-list.js';
import { NumberRuns, StepRuns } from './number-runs.js';
import { VolumeHistory } from './volume-history.js';

/** A named instant. */
export interface Bookmark {
  readonly name: string;
  readonly seq: number;
  readonly timeUs: number;
  readonly consistency: Consistency;
}

/** A stretch in which time stood still because the agent's clock had stepped back. */
export interface ClockStandstill {
  readonly seq: number;
  /** Times in [wallUs, heldAtUs) were read twice by the agent's clock. */
  readonly wallUs: number;
  readonly heldAtUs: number;
}

/**
 * What one group did, in the order of seq: times, epochs, watermarks, bookmarks, and for each
 * volume where it is consistent. Built from the records alone, at start and as they are stored.
 */
export class GroupHistory {
  readonly epochs = new EpochList();
  readonly bookmarks = new Map<string, Bookmark>();
  readonly standstills: ClockStandstill[] = [];
  readonly #times = new PagedFloat64();
  readonly #lsns = new NumberRuns();
  readonly #arrivals = new StepRuns();
  readonly #volumes = new Map<number, VolumeHistory>();
  readonly #activity = new Map<number, Activity>();
  readonly #holes: { fromSeq: number; toSeq: number }[] = [];
  #lastSeq = 0;
  #watermark: { timeUs: number; seq: number; arrivalUs: number } | undefined;

  /** Seq of the newest stored record, 0 when there is none. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Time of the newest stored record, 0 when there is none. */
  get lastTimeUs(): number {
    return this.#lastSeq === 0 ? 0 : this.timeOf(this.#lastSeq);
  }

  /** The newest watermark, with the server's time when it was noted. */
  get watermark() {
    return this.#watermark;
  }

  /** Runs of seqs whose records are lost. */
  get holes(): readonly { readonly fromSeq: number; readonly toSeq: number }[] {
    return this.#holes;
  }

  volume(volumeId: number): VolumeHistory {
    let history = this.#volumes.get(volumeId);
    if (history === undefined) {
      history = new VolumeHistory();
      history.openGap('initial-sync', 0, 0);
      this.#volumes.set(volumeId, history);
    }
    return history;
  }

  activity(volumeId: number): Activity {
    let activity = this.#activity.get(volumeId);
    if (activity === undefined) {
      activity = new Activity();
      this.#activity.set(volumeId, activity);
    }
    return activity;
  }

  /** Time of a stored record. */
  timeOf(seq: number): number {
    return this.#times.get(seq - 1);
  }

  /** Lsn of a stored record. */
  lsnOf(seq: number): number {
    return this.#lsns.get(seq);
  }

  /** The largest seq whose time is at most `timeUs`, 0 when there is none. */
  lastSeqAtTime(timeUs: number): number {
    return this.#times.lastAtMost(timeUs) + 1;
  }

  /** The largest seq that had arrived by `arrivalUs`, 0 when there is none. */
  lastSeqAtArrival(arrivalUs: number): number {
    const above = this.#arrivals.firstSeqAbove(arrivalUs);
    return above === undefined ? this.#lastSeq : above - 1;
  }

  /** Takes in the next stored record. A jump in seq is damage: what is missing is noted as lost. */
  add(record: LogRecord): void {
    if (record.seq !== this.#lastSeq + 1) this.#noteHole(record);
    this.#times.push(record.timeUs);
    this.#lsns.add(record.seq, record.lsn);
    this.#arrivals.add(record.seq, record.arrivalUs);
    this.#lastSeq = record.seq;
    const epoch = this.#epochOf(record);
    epoch.lastSeq = record.seq;
    // All that is older than a stored record is stored; of its own time more may come.
    epoch.completeToUs = Math.max(epoch.completeToUs, record.timeUs - 1);
    epoch.cleanStop = false;
    if (record.kind === RECORD_KIND.mark) this.#mark(record, epoch);
    else if (record.kind === RECORD_KIND.define) this.#define(record);
    else epoch.served = true;
    if (record.volumeId !== 0) {
      this.activity(record.volumeId).note(record.kind, record.timeUs, record.payloadBytes);
    }
  }

  /** The agent says that everything up to `timeUs` is recorded up to `seq`, which is stored. */
  noteWatermark(timeUs: number, seq: number, arrivalUs: number): void {
    const epoch = this.epochs.last;
    if (epoch === undefined || seq > this.#lastSeq) return;
    if (this.#watermark !== undefined && this.#watermark.timeUs > timeUs) return;
    this.#watermark = { timeUs, seq, arrivalUs };
    epoch.completeToUs = Math.max(epoch.completeToUs, timeUs);
  }

  #epochOf(record: LogRecord): EpochRun {
    const last = this.epochs.last;
    if (last !== undefined && last.epoch === record.epoch) {
      if (record.n - last.firstN === record.seq - last.firstSeq) return last;
    }
    if (last !== undefined && !last.cleanStop) {
      for (const volume of this.#volumes.values()) {
        volume.openGap('unclean-stop', last.lastSeq, last.completeToUs);
      }
    }
    const run: EpochRun = {
      epoch: record.epoch,
      firstSeq: record.seq,
      firstN: record.n,
      startTimeUs: record.timeUs,
      lastSeq: record.seq,
      completeToUs: last?.completeToUs ?? 0,
      cleanStop: false,
      served: false,
    };
    this.epochs.begin(run);
    return run;
  }

  #noteHole(record: LogRecord): void {
    const fromSeq = this.#lastSeq + 1;
    const afterTimeUs = this.lastTimeUs;
    this.#holes.push({ fromSeq, toSeq: record.seq - 1 });
    // A lost record may have concerned any volume: none is trusted again before its next copy.
    for (const volume of this.#volumes.values()) {
      volume.openGap('corruption', fromSeq - 1, afterTimeUs);
    }
    for (let seq = fromSeq; seq < record.seq; seq++) this.#times.push(afterTimeUs);
  }

  #define(record: LogRecord): void {
    const definition: Definition = decodeDefinition(bodyOf(record));
    if (definition.define === 'volume') {
      this.volume(record.volumeId).noteSize(record.seq, definition.sizeBytes);
    }
  }

  #mark(record: LogRecord, epoch: EpochRun): void {
    const mark: Mark = decodeMark(bodyOf(record));
    switch (mark.mark) {
      case 'clean-stop':
        epoch.cleanStop = true;
        epoch.completeToUs = record.timeUs;
        break;
      case 'sync-complete':
      case 'gap-close':
        this.volume(record.volumeId).complete(record.seq, record.timeUs);
        break;
      case 'gap-open':
        this.#openGap(record, mark.reason);
        break;
      case 'bookmark':
        this.bookmarks.set(mark.name, {
          name: mark.name,
          seq: record.seq,
          timeUs: record.timeUs,
          consistency: mark.consistency,
        });
        break;
      case 'clock-step':
        this.standstills.push({ seq: record.seq, wallUs: mark.wallUs, heldAtUs: mark.heldAtUs });
        break;
      case 'start':
      case 'sync-begin':
      case 'durability-change':
        break;
    }
  }

  /** A gap said at the start of an epoch reaches back over the time in which no agent ran. */
  #openGap(record: LogRecord, reason: GapReason): void {
    const runs = this.epochs.all;
    const before = runs.at(-2);
    const atStart = before !== undefined && runs.at(-1)?.served === false;
    const afterSeq = atStart ? before.lastSeq : record.seq - 1;
    const afterTimeUs = atStart ? before.completeToUs : this.#completeBefore(record);
    this.volume(record.volumeId).openGap(reason, afterSeq, afterTimeUs);
  }

  #completeBefore(record: LogRecord): number {
    return record.seq > 1 ? Math.min(this.timeOf(record.seq - 1), record.timeUs - 1) : 0;
  }
}

const bodyOf = (record: LogRecord): Buffer => {
  assert(record.body !== undefined, 'marks and definitions come with their bodies');
  return record.body;
};
