import type { Lsn, TimeUs } from '@retrace/core';
import type { Catalog } from '../catalog/catalog.js';
import { type Damage, damage } from '../storage/damage.js';
import type { Logger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import { ChunkSource, type FoundChunk } from './chunk-source.js';
import { intactRun, secureTail } from './crash-tail.js';
import type { CommitInfo, OnRecords, OnSegment } from './log-record.js';
import { LsnTracker } from './lsn-tracker.js';
import type { PayloadReader } from './payload-reader.js';
import type { SegmentDatabases } from './segment-databases.js';
import { listSegments } from './segment-list.js';
import { segmentDirectory } from './segment-paths.js';
import { type SegmentRecord, type SegmentTable, segmentChange } from './segment-table.js';

export interface RecoverLogOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly databases: SegmentDatabases;
  readonly payloads: PayloadReader;
  readonly table: SegmentTable;
  readonly logger: Logger;
  readonly serverUuid: string;
  readonly onRecords: OnRecords;
  readonly onSegment: OnSegment | undefined;
}

/** Where the log ended; everything up to there is durable now. */
export interface RecoveredLog {
  readonly lastLsn: number;
  readonly lastCommit: number;
  readonly lastArrivalUs: number;
  readonly nextSegment: number;
  readonly problems: readonly Damage[];
}

const commitOf = ({ chunk }: FoundChunk): CommitInfo => ({
  commit: chunk.header.commit,
  segment: chunk.header.segment,
  firstLsn: chunk.header.commitFirstLsn as Lsn,
  count: chunk.header.commitRecords,
  arrivalUs: chunk.header.arrivalUs as TimeUs,
  provenLsn: chunk.header.provenLsn as Lsn,
  watermarks: chunk.watermarks,
});

/** Reads the log at start: every chunk in order, checked, and the tail that a crash left. */
class Recovery {
  readonly #options: RecoverLogOptions;
  readonly #tracker = new LsnTracker();
  readonly #problems: Damage[] = [];
  /** Byte behind the last chunk that counts, in the segment being read. */
  #payloadBytes = 0;
  #witness = 0;

  constructor(options: RecoverLogOptions) {
    this.#options = options;
  }

  async run(): Promise<RecoveredLog> {
    const { catalog, storage, table } = this.#options;
    const list = await listSegments(this.#options);
    this.#problems.push(...list.problems);
    const closed: SegmentRecord[] = [];
    const inLog = this.#skipSealed(list.segments);
    for (const [index, record] of inLog.entries()) {
      const next = inLog[index + 1];
      const end = await this.#readSegment(record, next?.firstLsn);
      if (record.end === undefined) closed.push({ ...record, end });
      const { segment, firstLsn } = record;
      table.set({ segment, firstLsn, lastLsn: end.lastLsn, payloadBytes: end.payloadBytes });
    }
    catalog.noteWitness(this.#witness);
    // Only now, with the tail durable and its end known, may a new segment follow.
    if (closed.length > 0) await catalog.put(closed.map(segmentChange));
    for (const segment of list.unused) await storage.remove(segmentDirectory(segment));
    const { nextLsn, lastCommit, lastArrivalUs } = this.#tracker;
    return {
      lastLsn: Math.max(nextLsn, 1) - 1,
      lastCommit,
      lastArrivalUs,
      nextSegment: list.nextSegment,
      problems: [...this.#problems, ...this.#tracker.problems()],
    };
  }

  /** What is sealed is not read any more: the log goes on behind it. */
  #skipSealed(segments: readonly SegmentRecord[]): readonly SegmentRecord[] {
    const last = segments.findLastIndex(({ layer }) => layer !== undefined);
    const end = segments[last]?.end;
    if (end !== undefined) this.#tracker.goOnAfter(end);
    return segments.slice(last + 1);
  }

  async #readSegment(record: SegmentRecord, nextFirstLsn: number | undefined) {
    const { segment, firstLsn, firstCommit, end } = record;
    this.#tracker.begin(segment, firstLsn, firstCommit);
    this.#payloadBytes = 0;
    const known = end?.lastLsn ?? (nextFirstLsn === undefined ? undefined : nextFirstLsn - 1);
    this.#options.onSegment?.(segment, known === undefined ? 0 : known - firstLsn + 1);
    const source = new ChunkSource(
      { segment, payloadBytes: end?.payloadBytes },
      { ...this.#options, report: (problem) => this.#problems.push(problem) },
    );
    if (end !== undefined) {
      for await (const found of source.read()) this.#deliver(found);
    } else {
      await this.#readUnclosed(record, source, known ?? 0);
    }
    if (known !== undefined) this.#tracker.skipTo(segment, known + 1);
    if (end !== undefined)
      this.#tracker.lastCommit = Math.max(this.#tracker.lastCommit, end.lastCommit);
    return (
      end ?? {
        lastLsn: this.#tracker.nextLsn - 1,
        lastCommit: this.#tracker.lastCommit,
        lastArrivalUs: this.#tracker.lastArrivalUs,
        payloadBytes: this.#payloadBytes,
        closing: 'recovered' as const,
      }
    );
  }

  /**
   * A segment that a crash left: each commit says which lsn the one before it had proven durable.
   * What is missing up to there is lost; above it, what is whole and intact counts.
   */
  async #readUnclosed(record: SegmentRecord, source: ChunkSource, known: number): Promise<void> {
    const { segment } = record;
    let proven = known;
    let waiting: FoundChunk[] = [];
    for await (const found of source.read()) {
      const { header: newest } = found.chunk;
      proven = Math.max(proven, newest.provenLsn);
      waiting.push(found);
      // A commit without records ends at a proven lsn and is not proven itself by that.
      const count = waiting.findIndex(({ chunk: { header } }) => {
        const lastLsn = header.firstLsn + header.recordCount - 1;
        return lastLsn > proven || header.commit >= newest.commit;
      });
      const settled = count < 0 ? waiting.length : count;
      for (let i = 0; i < settled; i++) this.#deliver(waiting[i]!);
      if (settled > 0) waiting = waiting.slice(settled);
    }
    // Where a segment follows, its first lsn has proven the last commit of this one.
    const tailAt = waiting.findIndex(({ chunk: { header } }) => {
      return header.firstLsn + Math.max(header.recordCount, 1) - 1 > proven;
    });
    const tail = tailAt < 0 ? [] : waiting.slice(tailAt);
    for (const found of waiting.slice(0, waiting.length - tail.length)) this.#deliver(found);
    this.#tracker.skipTo(segment, proven + 1);
    await this.#takeTail(record, tail);
  }

  async #takeTail(record: SegmentRecord, tail: readonly FoundChunk[]): Promise<void> {
    const { storage, databases, payloads, logger, serverUuid } = this.#options;
    const { segment, firstLsn, firstCommit } = record;
    const run = await intactRun(tail, this.#tracker.nextLsn, payloads);
    const header = { segment, firstLsn, firstCommit, serverUuid };
    const failure = await secureTail(storage, databases, header, run);
    if (failure !== undefined) this.#problems.push(damage(segmentDirectory(segment), failure));
    for (const found of run) this.#deliver(found);
    const torn = tail[run.length]?.chunk.header;
    if (torn === undefined) return;
    const from = torn.firstLsn;
    logger.warn(
      { segment, lsn: from },
      'the last commit was cut off by a crash and does not count',
    );
  }

  #deliver(found: FoundChunk): void {
    if (!this.#tracker.take(found.chunk)) return;
    const { header, records } = found.chunk;
    this.#payloadBytes = header.blockPosition + header.entryBytes + header.payloadBytes;
    this.#witness = Math.max(this.#witness, header.catalogChange);
    this.#options.onRecords(records, commitOf(found));
  }
}

/**
 * Reads all segments and tells `onRecords` of every record that counts. Closes, in the catalog,
 * the segment that a crash left open; a new one begins with the next commit, so that no lsn is
 * ever written twice in one database.
 * @throws RetraceError STORAGE_FAILED, DISK_FULL; damage is in `problems`
 */
export const recoverLog = (options: RecoverLogOptions): Promise<RecoveredLog> =>
  new Recovery(options).run();
