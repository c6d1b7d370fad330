import type { Clock, GroupId, Lsn, Seq, TimeUs } from '@retrace/core';
import type { Catalog } from '../catalog/catalog.js';
import type { Damage } from '../storage/damage.js';
import type { Logger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import { ChunkSource, type FoundChunk } from './chunk-source.js';
import { GroupCommit } from './group-commit.js';
import { LOG_LIMITS, type LogLimits } from './limits.js';
import type {
  CommitInfo,
  LogInput,
  LogRecord,
  OnRecords,
  OnSegment,
  StoredWatermark,
} from './log-record.js';
import { type ScanOptions, scanSegments } from './log-scan.js';
import type { CommitMeasure, LogStats } from './log-stats.js';
import { PayloadReader } from './payload-reader.js';
import { recoverLog } from './recover-log.js';
import { SegmentChain } from './segment-chain.js';
import { SegmentDatabases } from './segment-databases.js';
import { LOG_DIRECTORY } from './segment-paths.js';
import { type SegmentRange, SegmentTable } from './segment-table.js';
import { systemTimers, type Timers } from './timers.js';

export interface LogOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly serverUuid: string;
  /** The wall clock; arrivals never decrease whatever it does. */
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRecords: OnRecords;
  readonly onSegment?: OnSegment;
  readonly limits?: Partial<LogLimits>;
  readonly timers?: Timers;
  /** Told of every commit, for histograms. */
  readonly onCommit?: (measure: CommitMeasure) => void;
}

interface LogParts {
  readonly databases: SegmentDatabases;
  readonly payloads: PayloadReader;
  readonly table: SegmentTable;
  readonly chain: SegmentChain;
  readonly commits: GroupCommit;
  readonly problems: readonly Damage[];
}

/**
 * The ordered log of one server: every record of every group, by lsn, in a chain of segments. One
 * writer; any number of readers.
 */
export class Log {
  readonly #parts: LogParts;
  #closed: Promise<void> | undefined;

  private constructor(parts: LogParts) {
    this.#parts = parts;
  }

  /**
   * Opens the log of a data directory and tells `onRecords` of all that is in it. What is damaged
   * is in `problems`; the log works with the rest.
   * @throws RetraceError STORAGE_FAILED, DISK_FULL
   */
  static async open(options: LogOptions): Promise<Log> {
    const { storage, catalog, clock, logger, onRecords, serverUuid } = options;
    const limits = { ...LOG_LIMITS, ...options.limits };
    const databases = new SegmentDatabases(storage, limits);
    const payloads = new PayloadReader(storage, limits.openFilesMax);
    const table = new SegmentTable();
    const shared = { storage, catalog, databases, payloads, table, logger, serverUuid };
    try {
      await storage.makeDirectory(LOG_DIRECTORY);
      await storage.syncDirectory('');
      const { onSegment } = options;
      const recovered = await recoverLog({ ...shared, onRecords, onSegment });
      const chain = new SegmentChain({ ...shared, limits, nextSegment: recovered.nextSegment });
      const commits = new GroupCommit({
        chain,
        table,
        limits,
        clock,
        logger,
        onRecords,
        timers: options.timers ?? systemTimers,
        catalogChange: () => catalog.change,
        onCommit: options.onCommit,
        ...recovered,
      });
      const { problems } = recovered;
      return new Log({ databases, payloads, table, chain, commits, problems });
    } catch (error) {
      payloads.close();
      await databases.close();
      throw storageError(error, 'opening the log');
    }
  }

  /** The last lsn stored; 0 before the first. */
  get lastLsn(): Lsn {
    return this.#parts.commits.lastLsn as Lsn;
  }

  /** The lsn that the newest commit has proven durable: up to here a loss is noticed. */
  get provenLsn(): Lsn {
    return this.#parts.commits.provenLsn as Lsn;
  }

  /** Damage found at start. */
  problems(): readonly Damage[] {
    return this.#parts.problems;
  }

  get stats(): Readonly<LogStats> {
    return this.#parts.commits.stats;
  }

  /**
   * Stores records, all or none; resolves when they are durable and `onRecords` has been told. The
   * order of calls is the order of lsns. How much may wait is the caller's to bound.
   * @param watermarks - of these records or earlier ones; stored with or after them
   * @throws RetraceError STORAGE_FAILED, DISK_FULL: nothing is stored, also of what waits behind,
   *   and for a moment further appends fail alike; JOURNAL_CLOSED
   */
  append(
    inputs: readonly LogInput[],
    watermarks: readonly StoredWatermark[] = [],
  ): Promise<CommitInfo> {
    const stored = this.#parts.commits.append(inputs);
    for (const { groupId, timeUs, seq } of watermarks) this.noteWatermark(groupId, timeUs, seq);
    return stored;
  }

  /** A watermark to be stored with the next commit, soon even if there is none. */
  noteWatermark(groupId: GroupId, timeUs: TimeUs, seq: Seq): void {
    this.#parts.commits.noteWatermark(groupId, timeUs, seq);
  }

  /**
   * Fills `target` from byte `position` of a segment's payload file: a record's payload, or a part
   * of it. Whoever reads compares the checksums.
   * @returns undefined when it is filled already (page cache), else a promise
   * @throws RetraceError CORRUPTION for a missing or short file, STORAGE_FAILED
   */
  readPayload(segment: number, position: number, target: Buffer): undefined | Promise<void> {
    return this.#parts.payloads.read(segment, position, target);
  }

  /**
   * One record. @returns undefined when there is none yet, or none any more
   * @throws RetraceError CORRUPTION when it is lost
   */
  async readRecord(lsn: number): Promise<LogRecord | undefined> {
    for await (const record of this.scan(lsn, lsn)) return record;
    return undefined;
  }

  /**
   * The records from `fromLsn` to `toLsn` (both inclusive), as far as they are stored when this
   * is called; segments that are dropped later are read as long as their files are there.
   * @throws RetraceError CORRUPTION at a record that is lost, unless `options.onHole` takes it
   */
  scan(fromLsn: number, toLsn: number, options: ScanOptions = {}): AsyncGenerator<LogRecord> {
    const { table, databases, payloads } = this.#parts;
    const lastLsn = Math.min(toLsn, this.lastLsn);
    const ranges = table.overlapping(fromLsn, lastLsn);
    return scanSegments({ ranges, databases, payloads }, fromLsn, lastLsn, options);
  }

  /** The segments, in lsn order. */
  segments(): readonly SegmentRange[] {
    return this.#parts.table.all();
  }

  /**
   * A segment's chunks as they are stored, for `verify`.
   * @param report - told of every damage that is met, also of those the other copy makes up for
   */
  readChunks(range: SegmentRange, report: (problem: Damage) => void): AsyncGenerator<FoundChunk> {
    const { databases, payloads } = this.#parts;
    return new ChunkSource(range, { databases, payloads, report }).read();
  }

  /** The segments that take no more records, in lsn order. */
  closedSegments(): readonly SegmentRange[] {
    const { current } = this.#parts.chain;
    return this.#parts.table.all().filter(({ segment }) => segment !== current);
  }

  /** Forgets the segments up to `segment`: their records are elsewhere. Files stay. */
  drop(segment: number): void {
    this.#parts.table.drop(segment);
  }

  /** Removes the files of dropped segments. @throws RetraceError STORAGE_FAILED */
  async removeFiles(segments: readonly number[]): Promise<void> {
    for (const segment of segments) this.#parts.payloads.forget(segment);
    try {
      await this.#parts.chain.remove(segments);
    } catch (error) {
      throw storageError(error, 'removing sealed segments');
    }
  }

  /** Waits for what was appended, writes the closing commit, closes the files. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#parts.commits.close();
    await this.#parts.chain.close();
    this.#parts.payloads.close();
  }
}
