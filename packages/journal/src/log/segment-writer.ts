import { assert } from '@retrace/core';
import type { Database, Put } from '../storage/database.js';
import type { Storage, StoredFile } from '../storage/storage.js';
import { writeAll } from '../storage/write-all.js';
import type { EncodedChunk } from './chunk-encoder.js';
import { entryKey } from './entry-key.js';
import type { LogLimits } from './limits.js';
import type { CommitInfo } from './log-record.js';
import { encodePayloadHeader, PAYLOAD_HEADER_BYTES, type PayloadHeader } from './payload-header.js';
import { entriesDirectory, LOG_DIRECTORY, payloadPath, segmentDirectory } from './segment-paths.js';

/** Where a segment ends: all of it is durable. */
export interface SegmentEnd {
  readonly lastLsn: number;
  readonly lastCommit: number;
  readonly payloadBytes: number;
  /** Arrival of the last commit; 0 when there is none. */
  readonly lastArrivalUs: number;
}

/** A commit's chunk with the lsn of its first record. */
export interface PlacedChunk {
  readonly firstLsn: number;
  readonly count: number;
  readonly encoded: EncodedChunk;
}

/** The segment that is being written: a database of entries and a payload file. */
export class SegmentWriter {
  readonly segment: number;
  readonly database: Database;
  readonly #file: StoredFile;
  #header: PayloadHeader | undefined;
  #headerWritten = false;
  #position = PAYLOAD_HEADER_BYTES;
  #entryBytes = 0;
  #lastLsn = 0;
  #lastCommit = 0;
  #lastArrivalUs = 0;
  #failed = false;

  private constructor(segment: number, database: Database, file: StoredFile) {
    this.segment = segment;
    this.database = database;
    this.#file = file;
  }

  /** Makes the files of a segment that has no records yet, with durable names. */
  static async create(
    storage: Storage,
    segment: number,
    limits: LogLimits,
  ): Promise<SegmentWriter> {
    await storage.makeDirectory(segmentDirectory(segment));
    const database = await storage.openDatabase(entriesDirectory(segment), {
      create: true,
      writeBufferBytes: limits.writeBufferBytes,
    });
    try {
      const file = await storage.open(payloadPath(segment), 'create');
      // A file's sync does not sync its name, and LevelDB leaves that of its CURRENT to us. Without
      // this the first commits would be acknowledged inside files that a power cut takes away.
      await storage.syncDirectory(entriesDirectory(segment));
      await storage.syncDirectory(segmentDirectory(segment));
      await storage.syncDirectory(LOG_DIRECTORY);
      return new SegmentWriter(segment, database, file);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Says which records are to come; the file's header is written with the first commit. */
  begin(header: PayloadHeader): void {
    assert(this.#header === undefined, 'a segment begins once');
    this.#header = header;
    this.#lastLsn = header.firstLsn - 1;
    this.#lastCommit = header.firstCommit - 1;
  }

  get firstLsn(): number {
    return this.#header?.firstLsn ?? 0;
  }

  get end(): SegmentEnd {
    const payloadBytes = this.#headerWritten ? this.#position : 0;
    return {
      lastLsn: this.#lastLsn,
      lastCommit: this.#lastCommit,
      lastArrivalUs: this.#lastArrivalUs,
      payloadBytes,
    };
  }

  /** Byte of the payload file where the next chunk will stand. */
  get position(): number {
    return this.#position;
  }

  get entryBytes(): number {
    return this.#entryBytes;
  }

  get recordCount(): number {
    return this.#lastLsn - this.firstLsn + 1;
  }

  /** A write or sync has failed: no more is written here, whatever can be read back. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Takes no more commits, whatever room there is. */
  abandon(): void {
    this.#failed = true;
  }

  /**
   * Stores one commit, payloads and entries side by side; durable when it resolves.
   * @throws the storage's error; then nothing of the commit counts and the segment is over
   */
  async write(
    { commit, firstLsn, count, arrivalUs }: CommitInfo,
    chunks: readonly PlacedChunk[],
  ): Promise<void> {
    assert(!this.#failed && this.#header !== undefined, 'the segment takes commits');
    const buffers: Buffer[] = [];
    const puts: Put[] = [];
    let bytes = 0;
    let entryBytes = 0;
    if (!this.#headerWritten) buffers.push(encodePayloadHeader(this.#header));
    for (const { firstLsn: chunkLsn, encoded } of chunks) {
      buffers.push(encoded.entry, ...encoded.payloads);
      puts.push({ key: entryKey(chunkLsn, commit), value: encoded.entry });
      bytes += encoded.blockBytes;
      entryBytes += encoded.entry.length;
    }
    const results = await Promise.allSettled([
      this.#writePayload(buffers),
      this.database.write(puts),
    ]);
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      this.#failed = true;
      throw failure.reason;
    }
    this.#headerWritten = true;
    this.#position += bytes;
    this.#entryBytes += entryBytes;
    this.#lastLsn = firstLsn + count - 1;
    this.#lastCommit = commit;
    this.#lastArrivalUs = arrivalUs;
  }

  async #writePayload(buffers: readonly Buffer[]): Promise<void> {
    await writeAll(this.#file, buffers, this.#headerWritten ? this.#position : 0);
    await this.#file.sync();
  }

  /** Closes the payload file; the database is the caller's to close. */
  closeFile(): Promise<void> {
    return this.#file.close();
  }
}
