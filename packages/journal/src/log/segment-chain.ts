import type { Catalog } from '../catalog/catalog.js';
import type { Logger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import type { LogLimits } from './limits.js';
import type { SegmentDatabases } from './segment-databases.js';
import { LOG_DIRECTORY, segmentDirectory } from './segment-paths.js';
import { type SegmentClosing, type SegmentTable, segmentChange } from './segment-table.js';
import { SegmentWriter } from './segment-writer.js';

/** What the next commit brings. */
export interface CommitNeed {
  readonly firstLsn: number;
  readonly commit: number;
  readonly arrivalUs: number;
  readonly records: number;
  /** Bytes in the payload file, and of entries. */
  readonly blockBytes: number;
  readonly entryBytes: number;
}

export interface SegmentChainOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly databases: SegmentDatabases;
  readonly table: SegmentTable;
  readonly limits: LogLimits;
  readonly logger: Logger;
  readonly serverUuid: string;
  /** Number of the next segment: above every one there ever was. */
  readonly nextSegment: number;
}

/** Gives each commit the segment it goes to, and changes segments. */
export class SegmentChain {
  readonly #options: SegmentChainOptions;
  #nextSegment: number;
  #current: SegmentWriter | undefined;
  #currentFirstCommit = 0;
  #currentSinceUs = 0;
  #ahead: Promise<SegmentWriter | undefined> | undefined;
  /** A change of the catalog that failed, and may be in it after all, names the one ahead. */
  #aheadMayBeNamed = false;
  #background: Promise<void> = Promise.resolve();

  constructor(options: SegmentChainOptions) {
    this.#options = options;
    this.#nextSegment = options.nextSegment;
  }

  /**
   * The segment for a commit: the one in use if it has room, else a new one.
   * @throws the storage's error when there cannot be a new one
   */
  async writerFor(need: CommitNeed): Promise<SegmentWriter> {
    const current = this.#current;
    if (current !== undefined && this.#hasRoom(current, need)) return current;
    const next = (await this.#takeAhead()) ?? (await this.#create());
    try {
      await this.#change(current, next, need);
    } catch (error) {
      // Whether the catalog says the change is unknown now: `current` may be closed there, so it
      // must not grow. (A full segment stays full, but a smaller commit might have found room.)
      current?.abandon();
      this.#ahead = Promise.resolve(next);
      this.#aheadMayBeNamed = true;
      throw error;
    }
    this.#aheadMayBeNamed = false;
    this.#ahead = this.#createAhead();
    return next;
  }

  /** The segment that is being written; undefined before the first commit. */
  get current(): number | undefined {
    return this.#current?.segment;
  }

  /** Removes the files of segments behind whatever is done with them. */
  remove(segments: readonly number[]): Promise<void> {
    const { storage, databases } = this.#options;
    const removed = this.#background.then(async () => {
      for (const segment of segments) {
        await databases.retire(segment);
        await storage.remove(segmentDirectory(segment));
      }
      await storage.syncDirectory(LOG_DIRECTORY);
    });
    this.#background = removed.catch(() => {});
    return removed;
  }

  #hasRoom(writer: SegmentWriter, need: CommitNeed): boolean {
    const { limits } = this.#options;
    if (writer.failed) return false;
    if (writer.recordCount === 0 && writer.entryBytes < limits.segmentEntryBytesMax) return true;
    return (
      writer.recordCount + need.records <= limits.segmentRecordsMax &&
      writer.position + need.blockBytes <= limits.segmentBytesMax &&
      writer.entryBytes + need.entryBytes <= limits.segmentEntryBytesMax &&
      need.arrivalUs - this.#currentSinceUs <= limits.segmentAgeUsMax
    );
  }

  /**
   * Closes the one and begins the other by one change of the catalog. It is durable before the new
   * segment's first commit: after a failed commit the old one may hold the same lsns once more,
   * which only the catalog tells from those that count.
   */
  async #change(
    current: SegmentWriter | undefined,
    next: SegmentWriter,
    { firstLsn, commit, arrivalUs }: CommitNeed,
  ): Promise<void> {
    const { catalog, databases, table, serverUuid } = this.#options;
    const { segment } = next;
    const begun = { segment, firstLsn, firstCommit: commit, end: undefined, layer: undefined };
    const changes = [segmentChange(begun)];
    if (current !== undefined) changes.unshift(this.#closing(current, 'full'));
    await catalog.put(changes);
    if (current !== undefined) this.#retire(current);
    next.begin({ segment, firstLsn, firstCommit: commit, serverUuid });
    databases.adopt(segment, next.database);
    table.set({ segment, firstLsn, lastLsn: firstLsn - 1, payloadBytes: 0 });
    this.#current = next;
    this.#currentFirstCommit = commit;
    this.#currentSinceUs = arrivalUs;
  }

  #closing(writer: SegmentWriter, closing: SegmentClosing) {
    return segmentChange({
      segment: writer.segment,
      firstLsn: writer.firstLsn,
      firstCommit: this.#currentFirstCommit,
      end: { ...writer.end, closing: writer.failed ? 'failed' : closing },
      layer: undefined,
    });
  }

  /** Closes a segment's files behind the commits that go on. */
  #retire(writer: SegmentWriter): void {
    this.#inBackground(`closing segment ${writer.segment}`, async () => {
      await writer.closeFile();
      try {
        if (!writer.failed) await writer.database.compact();
      } finally {
        await this.#options.databases.retire(writer.segment);
      }
    });
  }

  #inBackground(what: string, work: () => Promise<void>): void {
    this.#background = this.#background.then(work).catch((error: unknown) => {
      this.#options.logger.warn({ error }, `${what} failed`);
    });
  }

  #create(): Promise<SegmentWriter> {
    const { storage, limits } = this.#options;
    return SegmentWriter.create(storage, this.#nextSegment++, limits);
  }

  #createAhead(): Promise<SegmentWriter | undefined> {
    return this.#create().catch((error: unknown) => {
      this.#options.logger.warn({ error }, 'the next segment cannot be opened ahead');
      return undefined;
    });
  }

  async #takeAhead(): Promise<SegmentWriter | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead;
  }

  /** Closes all files and says in the catalog where the log ends. */
  async close(): Promise<void> {
    const { catalog, databases, storage, logger } = this.#options;
    const ahead = await this.#takeAhead();
    if (ahead !== undefined) {
      this.#inBackground(`removing the unused segment ${ahead.segment}`, async () => {
        await ahead.closeFile();
        await ahead.database.close();
        // Else the next start would miss a directory that the catalog knows.
        if (!this.#aheadMayBeNamed) await storage.remove(segmentDirectory(ahead.segment));
      });
    }
    await this.#background;
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined) {
      // Not fatal when it fails: the next start finds the end as it does after a crash.
      await catalog.put([this.#closing(current, 'stopped')]).catch((error: unknown) => {
        logger.warn({ error }, 'the end of the log could not be noted in the catalog');
      });
      await current.closeFile().catch(() => {});
    }
    await databases.close();
  }
}
