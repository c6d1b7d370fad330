import { RetraceError } from '@retrace/core';
import { type Damage, damage } from '../storage/damage.js';
import type { Database, Entry } from '../storage/database.js';
import { isPassing } from '../storage/storage-error.js';
import {
  type Chunk,
  type ChunkHeader,
  decodeChunk,
  decodeChunkHeader,
  mergeCopies,
} from './chunk-decoder.js';
import { CHUNK_HEADER_BYTES } from './chunk-layout.js';
import { entryKey, parseEntryKey } from './entry-key.js';
import { PAYLOAD_HEADER_BYTES } from './payload-header.js';
import type { PayloadReader } from './payload-reader.js';
import type { SegmentDatabases } from './segment-databases.js';
import { entriesDirectory, payloadPath } from './segment-paths.js';

/** Largest entry that is believed: LIMITS of a chunk, and one record's list above. */
const ENTRY_BYTES_MAX = 128 * 1024 * 1024;

/** What of a segment is to be read. */
export interface ChunkRange {
  readonly segment: number;
  /**
   * Bytes of its payload file that count, when it is closed or being written: chunks that lie
   * behind are none. Undefined after a crash.
   */
  readonly payloadBytes: number | undefined;
}

export interface FoundChunk {
  readonly chunk: Chunk;
  /** The stored bytes of the copy that was used. */
  readonly entry: Buffer;
  /** True when LevelDB does not have it and the payload file's copy stands in. */
  readonly fromPayload: boolean;
}

export interface ChunkSourceOptions {
  /** Without them only the copies in the payload file are read. */
  readonly databases: SegmentDatabases | undefined;
  readonly payloads: PayloadReader;
  /** Told of every damage that is met, also of those the other copy makes up for. */
  readonly report: (problem: Damage) => void;
}

/**
 * Reads a segment's chunks in lsn order. The entries in LevelDB come first; where they are missing
 * or damaged, the copies in the payload file stand in: each chunk says where its block lies, and
 * blocks lie end to end, so a missing one is noticed and found.
 */
export class ChunkSource {
  readonly #options: ChunkSourceOptions;
  readonly #range: ChunkRange;
  #position = PAYLOAD_HEADER_BYTES;

  constructor(range: ChunkRange, options: ChunkSourceOptions) {
    this.#range = range;
    this.#options = options;
  }

  /** All chunks, from the one that holds `fromLsn` on where that is given. */
  async *read(fromLsn?: number): AsyncGenerator<FoundChunk> {
    const { segment } = this.#range;
    const from = fromLsn === undefined ? undefined : await this.#seek(fromLsn);
    for await (const entries of this.#scan(from)) {
      for (const [key, value] of entries) {
        const chunk = this.#decode(key, value);
        if (chunk === undefined) continue;
        if (this.#isBeyond(chunk.header)) break;
        const { blockPosition } = chunk.header;
        if (blockPosition > this.#position) yield* this.#fill(blockPosition, true);
        if (blockPosition < this.#position) {
          this.#report(this.#entryPlace(key), 'the chunk lies where another one does');
          continue;
        }
        const copy = chunk.whole ? chunk : await this.#repair(key, chunk);
        this.#position = blockPosition + chunk.header.entryBytes + chunk.header.payloadBytes;
        yield { chunk: copy, entry: value, fromPayload: false };
      }
    }
    const { payloadBytes } = this.#range;
    const end = payloadBytes ?? (await this.#options.payloads.size(segment));
    // After a crash the end of the file is where a commit may have been cut off: no damage.
    if (end > this.#position) yield* this.#fill(end, payloadBytes !== undefined);
  }

  #report(place: string, message: string): void {
    this.#options.report(damage(place, message));
  }

  #entryPlace(key: Buffer): string {
    const parsed = parseEntryKey(key);
    const name = parsed === undefined ? key.toString('hex') : `lsn ${parsed.firstLsn}`;
    return `${entriesDirectory(this.#range.segment)} entry ${name}`;
  }

  /** Key of the chunk that holds `lsn`; undefined when it must be looked for from the start. */
  async #seek(lsn: number): Promise<Buffer | undefined> {
    const to = entryKey(lsn + 1, 0);
    for await (const entries of this.#scan(undefined, { to, reverse: true, limit: 1 })) {
      for (const [key, value] of entries) {
        const header = decodeChunkHeader(value);
        if (typeof header === 'string' || header.firstLsn > lsn) return undefined;
        this.#position = header.blockPosition;
        return key;
      }
    }
    return undefined;
  }

  /** Entries of the database; an error of it ends them, and the payload file goes on. */
  async *#scan(
    from: Buffer | undefined,
    options: { readonly to?: Buffer; readonly reverse?: boolean; readonly limit?: number } = {},
  ): AsyncGenerator<readonly Entry[]> {
    const { segment } = this.#range;
    const { databases } = this.#options;
    if (databases === undefined) return;
    let database: Database;
    try {
      database = await databases.acquire(segment);
    } catch (error) {
      if (isPassing(error)) throw error;
      this.#report(entriesDirectory(segment), `LevelDB cannot open it: ${rootMessage(error)}`);
      return;
    }
    try {
      yield* database.scan({ ...(from === undefined ? {} : { from }), ...options });
    } catch (error) {
      if (isPassing(error)) throw error;
      this.#report(entriesDirectory(segment), `LevelDB cannot read it: ${rootMessage(error)}`);
    } finally {
      await databases.release(segment);
    }
  }

  #decode(key: Buffer, value: Buffer): Chunk | undefined {
    const chunk = decodeChunk(value);
    if (typeof chunk === 'string') {
      this.#report(this.#entryPlace(key), chunk);
      return undefined;
    }
    const { segment, firstLsn, commit } = chunk.header;
    const parsed = parseEntryKey(key);
    if (segment !== this.#range.segment) {
      this.#report(this.#entryPlace(key), `the chunk is of segment ${segment}`);
      return undefined;
    }
    if (parsed?.firstLsn !== firstLsn || parsed.commit !== commit) {
      this.#report(this.#entryPlace(key), `the chunk is that of lsn ${firstLsn}`);
    }
    return chunk;
  }

  /** True for what a crash or a failed commit left behind the end. */
  #isBeyond({ blockPosition }: ChunkHeader): boolean {
    const { payloadBytes } = this.#range;
    return payloadBytes !== undefined && blockPosition >= payloadBytes;
  }

  /** A chunk whose entry is damaged behind its header, made whole from its other copy. */
  async #repair(key: Buffer, chunk: Chunk): Promise<Chunk> {
    const place = this.#entryPlace(key);
    const found = await this.#readBlock(chunk.header.blockPosition);
    if (typeof found === 'string' || found.chunk.header.firstLsn !== chunk.header.firstLsn) {
      this.#report(place, 'the entry is damaged, and so is its copy in the payload file');
      return chunk;
    }
    if (found.chunk.whole) {
      this.#report(place, 'the entry is damaged; the copy in the payload file stands in');
      return found.chunk;
    }
    this.#report(place, 'the entry is damaged, and so is its copy in the payload file');
    return mergeCopies(chunk, found.chunk);
  }

  /** Chunks of the payload file up to byte `end`, where LevelDB has none. */
  async *#fill(end: number, missed: boolean): AsyncGenerator<FoundChunk> {
    const { segment } = this.#range;
    while (this.#position < end) {
      const position = this.#position;
      const found = await this.#readBlock(position);
      if (typeof found === 'string') {
        if (missed) this.#report(`${payloadPath(segment)} byte ${position}`, found);
        return;
      }
      const { firstLsn, entryBytes, payloadBytes } = found.chunk.header;
      if (missed && this.#options.databases !== undefined) {
        const where = `${entriesDirectory(segment)} entry lsn ${firstLsn}`;
        this.#report(where, 'the entry is missing; the copy in the payload file stands in');
      }
      this.#position += entryBytes + payloadBytes;
      yield found;
    }
  }

  async #readBlock(position: number): Promise<FoundChunk | string> {
    const { payloads } = this.#options;
    const { segment } = this.#range;
    try {
      const head = Buffer.from(new ArrayBuffer(CHUNK_HEADER_BYTES));
      await payloads.read(segment, position, head);
      const header = decodeChunkHeader(head);
      if (typeof header === 'string') return header;
      if (header.segment !== segment || header.blockPosition !== position) {
        return `the chunk is of segment ${header.segment}, byte ${header.blockPosition}`;
      }
      if (header.entryBytes > ENTRY_BYTES_MAX) return `a chunk of ${header.entryBytes} bytes`;
      const entry = Buffer.from(new ArrayBuffer(header.entryBytes));
      await payloads.read(segment, position, entry);
      const chunk = decodeChunk(entry);
      return typeof chunk === 'string' ? chunk : { chunk, entry, fromPayload: true };
    } catch (error) {
      // Without its end being known, a segment must not seem to end where a read fails.
      const unclosed = this.#range.payloadBytes === undefined;
      if (isPassing(error) || (unclosed && !isCorruption(error))) throw error;
      return rootMessage(error);
    }
  }
}

/** The file is missing or too short, as opposed to: it could not be read. */
const isCorruption = (error: unknown): boolean =>
  error instanceof RetraceError && error.code === 'CORRUPTION';

/** LevelDB's own words stand in the cause. */
const rootMessage = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
};
