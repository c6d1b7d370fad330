import {
  type Clock,
  type GroupId,
  type Lsn,
  MonotoneClock,
  RetraceError,
  type Seq,
  type TimeUs,
  toRetraceError,
} from '@retrace/core';
import type { Logger } from '../storage/logger.js';
import { storageError } from '../storage/storage-error.js';
import { encodeChunk } from './chunk-encoder.js';
import { CHUNK_HEADER_WORDS, RECORD_WORDS, WATERMARK_BYTES } from './chunk-layout.js';
import { planChunks, plannedEntryBytes, plannedPayloadBytes } from './chunk-plan.js';
import { type CommitBatch, CommitQueue } from './commit-queue.js';
import type { LogLimits } from './limits.js';
import type { CommitInfo, LogInput, LogRecord, OnRecords } from './log-record.js';
import { type CommitMeasure, emptyStats, type LogStats } from './log-stats.js';
import type { SegmentChain } from './segment-chain.js';
import type { SegmentTable } from './segment-table.js';
import type { PlacedChunk, SegmentWriter } from './segment-writer.js';
import { StoredRecord } from './stored-record.js';
import type { Timers } from './timers.js';
import { WatermarkBook } from './watermark-book.js';

export interface GroupCommitOptions {
  readonly chain: SegmentChain;
  readonly table: SegmentTable;
  readonly limits: LogLimits;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Number of the catalog's newest change. */
  readonly catalogChange: () => number;
  readonly onRecords: OnRecords;
  readonly onCommit: ((measure: CommitMeasure) => void) | undefined;
  /** Where the log ended at start: all of it is durable. */
  readonly lastLsn: number;
  readonly lastCommit: number;
  readonly lastArrivalUs: number;
}

interface StoredCommit {
  readonly commit: CommitInfo;
  readonly chunks: readonly PlacedChunk[];
}

/** Gathers appends into commits: whatever came while one commit ran is the next. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #queue: CommitQueue;
  readonly #clock: MonotoneClock;
  readonly #watermarks = new WatermarkBook();
  readonly stats: LogStats = emptyStats();
  #lastLsn: number;
  #lastCommit: number;
  /** The proven lsn that the newest commit carries. */
  #provenLsn: number;
  #running: Promise<void> | undefined;
  #failure: RetraceError | undefined;
  #retryMs: number;
  #cancelTimer: (() => void) | undefined;
  #closing = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#queue = new CommitQueue(options.limits);
    this.#clock = new MonotoneClock(options.clock, options.lastArrivalUs as TimeUs);
    this.#lastLsn = options.lastLsn;
    this.#lastCommit = options.lastCommit;
    this.#provenLsn = options.lastLsn;
    this.#retryMs = options.limits.retryMsMin;
  }

  get lastLsn(): number {
    return this.#lastLsn;
  }

  get provenLsn(): number {
    return this.#provenLsn;
  }

  append(inputs: readonly LogInput[]): Promise<CommitInfo> {
    if (this.#closing) {
      return Promise.reject(new RetraceError('JOURNAL_CLOSED', 'the journal is shutting down'));
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const stored = this.#queue.add(inputs);
    this.stats.waiting = this.#queue.length;
    this.#start();
    return stored;
  }

  noteWatermark(groupId: GroupId, timeUs: TimeUs, seq: Seq): void {
    if (this.#closing) return;
    this.#watermarks.note(groupId, timeUs, seq, this.#queue.added);
    if (this.#running === undefined) this.#wait();
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Appends of the same turn of the event loop join the first commit.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commitNext(this.#queue.take());
    this.#running = undefined;
    this.#wait();
  }

  /** Sets the timer for what is to be done when nothing comes any more. */
  #wait(): void {
    if (this.#cancelTimer !== undefined || this.#closing) return;
    const { timers, limits } = this.#options;
    const again = (delayMs: number, work: () => void): void => {
      this.#cancelTimer = timers.after(delayMs, () => {
        this.#cancelTimer = undefined;
        work();
      });
    };
    if (this.#failure !== undefined) {
      again(this.#retryMs, () => {
        this.#retryMs = Math.min(this.#retryMs * 2, limits.retryMsMax);
        this.#failure = undefined;
        this.#wait();
      });
    } else if (this.#lastLsn > this.#provenLsn) {
      again(limits.idleMs, () => this.#startClosingCommit());
    } else if (this.#watermarks.hasPending) {
      again(limits.watermarkMs, () => this.#startClosingCommit());
    }
  }

  /**
   * A commit without records: carries the proven lsn and watermarks. Without it a damage to the
   * newest commit could not be told from a commit that a crash had cut off.
   */
  #startClosingCommit(): void {
    this.#running ??= (async () => {
      await this.#commitNext({ inputs: [], appends: [] });
      while (this.#queue.length > 0) await this.#commitNext(this.#queue.take());
      this.#running = undefined;
      this.#wait();
    })();
  }

  async #commitNext(batch: CommitBatch): Promise<void> {
    this.stats.waiting = this.#queue.length;
    let stored: StoredCommit;
    try {
      stored = await this.#commit(batch.inputs);
    } catch (error) {
      this.#fail(batch, storageError(error, 'commit of the log'));
      return;
    }
    this.#retryMs = this.#options.limits.retryMsMin;
    try {
      for (const chunk of stored.chunks) {
        this.#options.onRecords(recordsOf(chunk, stored.commit), stored.commit);
      }
    } catch (error) {
      // A mistake of ours: the records are durable and the index lacks them. Only a restart helps.
      this.#closing = true;
      this.#fail(batch, toRetraceError(error));
      return;
    }
    for (const { resolve } of batch.appends) resolve(stored.commit);
  }

  /** A failed write or sync is final: nothing of the commit counts, nor of what waits behind it. */
  #fail(batch: CommitBatch, error: RetraceError): void {
    this.stats.failures++;
    this.#failure = error;
    this.#watermarks.dropPending();
    this.#options.logger.error({ error, lastLsn: this.#lastLsn }, 'a commit of the log failed');
    for (const { reject } of batch.appends) reject(error);
    this.#queue.rejectAll(error);
  }

  async #commit(inputs: readonly LogInput[]): Promise<StoredCommit> {
    const { chain, limits, clock } = this.#options;
    const startedUs = clock.nowUs();
    const watermarks = this.#watermarks.take(this.#queue.taken);
    const plan = planChunks(inputs, limits);
    const entryBytes = plannedEntryBytes(plan) + watermarks.length * WATERMARK_BYTES;
    const payloadBytes = plannedPayloadBytes(plan);
    const arrivalUs = this.#clock.nowUs();
    const firstLsn = this.#lastLsn + 1;
    const writer = await chain.writerFor({
      firstLsn,
      commit: this.#lastCommit + 1,
      arrivalUs,
      records: inputs.length,
      blockBytes: entryBytes + payloadBytes,
      entryBytes,
    });
    const commit: CommitInfo = {
      commit: this.#lastCommit + 1,
      segment: writer.segment,
      firstLsn: firstLsn as Lsn,
      count: inputs.length,
      arrivalUs,
      provenLsn: this.#lastLsn as Lsn,
      watermarks,
    };
    const chunks = this.#encode(commit, inputs, plan, writer);
    await writer.write(commit, chunks);
    this.#stored(commit, writer);
    const durationUs = clock.nowUs() - startedUs;
    this.stats.commits++;
    this.stats.records += inputs.length;
    this.stats.payloadBytes += payloadBytes;
    this.stats.entryBytes += entryBytes;
    this.#options.onCommit?.({ records: inputs.length, bytes: payloadBytes, durationUs });
    return { commit, chunks };
  }

  #encode(
    commit: CommitInfo,
    inputs: readonly LogInput[],
    plan: ReturnType<typeof planChunks>,
    writer: SegmentWriter,
  ): PlacedChunk[] {
    const catalogChange = this.#options.catalogChange();
    let blockPosition = writer.position;
    return plan.map((part, chunkIndex) => {
      const firstLsn = commit.firstLsn + part.from;
      const chunkCount = plan.length;
      const encoded = encodeChunk(
        { commit, chunkIndex, chunkCount, firstLsn, catalogChange, blockPosition },
        inputs,
        part,
      );
      blockPosition += encoded.blockBytes;
      return { firstLsn, count: part.to - part.from, encoded };
    });
  }

  #stored(commit: CommitInfo, writer: SegmentWriter): void {
    this.#lastLsn += commit.count;
    this.#lastCommit = commit.commit;
    this.#provenLsn = commit.provenLsn;
    this.#watermarks.stored(commit.watermarks);
    const { segment, firstLsn, end } = writer;
    const { lastLsn, payloadBytes } = end;
    this.#options.table.set({ segment, firstLsn, lastLsn, payloadBytes });
  }

  /** Waits for what was appended, then writes the closing commit. Later appends are refused. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    await this.#running;
    const unfinished = this.#lastLsn > this.#provenLsn || this.#watermarks.hasPending;
    if (this.#failure === undefined && unfinished) {
      await this.#commitNext({ inputs: [], appends: [] });
    }
  }
}

/** The records of a chunk as a later start would read them. */
const recordsOf = ({ firstLsn, count, encoded }: PlacedChunk, commit: CommitInfo): LogRecord[] => {
  const records = new Array<LogRecord>(count);
  for (let i = 0; i < count; i++) {
    const at = CHUNK_HEADER_WORDS + i * RECORD_WORDS;
    records[i] = new StoredRecord(
      encoded.words,
      at,
      firstLsn + i,
      commit.arrivalUs,
      commit.segment,
    );
  }
  return records;
};
