import {
  assert,
  type Definition,
  decodeDefinition,
  decodeMark,
  type GapReason,
  type Mark,
  RECORD_KIND,
} from '@retrace/core';
import type { LogRecord } from '../log/log-record.js';
import { EpochList, type EpochRun } from './epoch-list.js';
import type { Bookmark, ClockStandstill, SeqHole, WatermarkNote } from './history-facts.js';
import type { HistorySummary } from './history-summary.js';
import { RecentRecords } from './recent-records.js';
import { type LastConsistent, VolumeHistory } from './volume-history.js';

/** What the layers know of a group's records. */
export interface SealedRecords {
  /** Time of a record that is there. */
  timeOf(seq: number): Promise<number>;
  /** The largest seq whose time is at most `timeUs`, 0 when there is none. */
  lastSeqAtTime(timeUs: number): Promise<number>;
  /** The largest seq that had arrived by `arrivalUs`, 0 when there is none. */
  lastSeqAtArrival(arrivalUs: number): Promise<number>;
}

const NOTHING_SEALED: SealedRecords = {
  timeOf: (seq) => Promise.reject(new Error(`seq ${seq} is nowhere`)),
  lastSeqAtTime: () => Promise.resolve(0),
  lastSeqAtArrival: () => Promise.resolve(0),
};

/**
 * What one group did, in the order of seq: epochs, watermarks, bookmarks, and for each volume where
 * it is consistent. Built from the records alone, at start and as they are stored. What is known
 * of every single record is in `recent` as long as the record is in the log.
 */
export class GroupHistory {
  readonly epochs = new EpochList();
  readonly bookmarks = new Map<string, Bookmark>();
  readonly standstills: ClockStandstill[] = [];
  readonly recent = new RecentRecords();
  readonly #sealed: SealedRecords;
  readonly #volumes = new Map<number, VolumeHistory>();
  readonly #holes: SeqHole[] = [];
  #firstTimeUs = 0;
  #lastSeq = 0;
  #lastTimeUs = 0;
  #watermark: WatermarkNote | undefined;

  constructor(sealed: SealedRecords = NOTHING_SEALED) {
    this.#sealed = sealed;
  }

  /** Goes on where another history ended: before the first record of this one. */
  restore(summary: HistorySummary): void {
    assert(this.#lastSeq === 0, 'a history is restored before its first record');
    for (const epoch of summary.epochs) this.epochs.begin({ ...epoch });
    for (const bookmark of summary.bookmarks) this.bookmarks.set(bookmark.name, bookmark);
    this.standstills.push(...summary.standstills);
    this.#holes.push(...summary.holes);
    for (const { volumeId, ...facts } of summary.volumes) {
      this.#volumes.set(volumeId, new VolumeHistory(facts));
    }
    this.#firstTimeUs = summary.firstTimeUs;
    this.#lastSeq = summary.lastSeq;
    this.#lastTimeUs = summary.lastTimeUs;
    this.#watermark = summary.watermark;
  }

  /** What it comes to now, as a copy. */
  summary(): HistorySummary {
    return {
      firstTimeUs: this.#firstTimeUs,
      lastSeq: this.#lastSeq,
      lastTimeUs: this.#lastTimeUs,
      watermark: this.#watermark,
      epochs: this.epochs.all.map((epoch) => ({ ...epoch })),
      bookmarks: [...this.bookmarks.values()],
      standstills: [...this.standstills],
      holes: [...this.#holes],
      volumes: [...this.#volumes].map(([volumeId, volume]) => ({ volumeId, ...volume.facts() })),
    };
  }

  /** Seq of the newest stored record, 0 when there is none. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Time of the newest stored record, 0 when there is none. */
  get lastTimeUs(): number {
    return this.#lastTimeUs;
  }

  /** Time of the first record there ever was, 0 when there is none. */
  get firstTimeUs(): number {
    return this.#firstTimeUs;
  }

  /** The newest watermark, with the server's time when it was noted. */
  get watermark(): WatermarkNote | undefined {
    return this.#watermark;
  }

  /** Runs of seqs whose records are lost. */
  get holes(): readonly SeqHole[] {
    return this.#holes;
  }

  volume(volumeId: number): VolumeHistory {
    let history = this.#volumes.get(volumeId);
    if (history === undefined) {
      history = new VolumeHistory();
      history.openGap('initial-sync', { seq: 0, timeUs: 0, completeToUs: 0 });
      this.#volumes.set(volumeId, history);
    }
    return history;
  }

  /** Time of a stored record. */
  async timeOf(seq: number): Promise<number> {
    return this.recent.timeOf(seq) ?? (await this.#sealed.timeOf(seq));
  }

  /** The largest seq whose time is at most `timeUs`, 0 when there is none. */
  async lastSeqAtTime(timeUs: number): Promise<number> {
    return this.recent.lastSeqAtTime(timeUs) ?? (await this.#sealed.lastSeqAtTime(timeUs));
  }

  /** The largest seq that had arrived by `arrivalUs`, 0 when there is none. */
  async lastSeqAtArrival(arrivalUs: number): Promise<number> {
    const recent = this.recent.lastSeqAtArrival(arrivalUs);
    return recent ?? (await this.#sealed.lastSeqAtArrival(arrivalUs));
  }

  /** Takes in the next stored record. A jump in seq is damage: what is missing is noted as lost. */
  add(record: LogRecord): void {
    const before = { seq: this.#lastSeq, timeUs: this.#lastTimeUs };
    if (record.seq !== before.seq + 1) this.#noteHole(record);
    this.recent.add(record, before.seq + 1, before.timeUs);
    if (before.seq === 0) this.#firstTimeUs = record.timeUs;
    this.#lastSeq = record.seq;
    this.#lastTimeUs = record.timeUs;
    const epoch = this.#epochOf(record);
    epoch.lastSeq = record.seq;
    epoch.lastTimeUs = record.timeUs;
    // All that is older than a stored record is stored; of its own time more may come.
    epoch.completeToUs = Math.max(epoch.completeToUs, record.timeUs - 1);
    epoch.cleanStop = false;
    if (record.kind === RECORD_KIND.mark) this.#mark(record, epoch, before.timeUs);
    else if (record.kind === RECORD_KIND.define) this.#define(record);
    else epoch.served = true;
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
      for (const volume of this.#volumes.values()) volume.openGap('unclean-stop', endOf(last));
    }
    const run: EpochRun = {
      epoch: record.epoch,
      firstSeq: record.seq,
      firstN: record.n,
      startTimeUs: record.timeUs,
      lastSeq: record.seq,
      lastTimeUs: record.timeUs,
      completeToUs: last?.completeToUs ?? 0,
      cleanStop: false,
      served: false,
    };
    this.epochs.begin(run);
    return run;
  }

  #noteHole(record: LogRecord): void {
    const timeUs = this.#lastTimeUs;
    this.#holes.push({ fromSeq: this.#lastSeq + 1, toSeq: record.seq - 1 });
    // A lost record may have concerned any volume: none is trusted again before its next copy.
    for (const volume of this.#volumes.values()) {
      volume.openGap('corruption', { seq: this.#lastSeq, timeUs, completeToUs: timeUs });
    }
  }

  #define(record: LogRecord): void {
    const definition: Definition = decodeDefinition(bodyOf(record));
    if (definition.define === 'volume') {
      this.volume(record.volumeId).noteSize(record.seq, definition.sizeBytes);
    }
  }

  #mark(record: LogRecord, epoch: EpochRun, beforeUs: number): void {
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
        this.#openGap(record, mark.reason, beforeUs);
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
  #openGap(record: LogRecord, reason: GapReason, beforeUs: number): void {
    const runs = this.epochs.all;
    const before = runs.at(-2);
    const atStart = before !== undefined && runs.at(-1)?.served === false;
    const completeToUs = record.seq > 1 ? Math.min(beforeUs, record.timeUs - 1) : 0;
    const here = { seq: record.seq - 1, timeUs: beforeUs, completeToUs };
    this.volume(record.volumeId).openGap(reason, atStart ? endOf(before) : here);
  }
}

const endOf = (run: EpochRun): LastConsistent => ({
  seq: run.lastSeq,
  timeUs: run.lastTimeUs,
  completeToUs: run.completeToUs,
});

const bodyOf = (record: LogRecord): Buffer => {
  assert(record.body !== undefined, 'marks and definitions come with their bodies');
  return record.body;
};
