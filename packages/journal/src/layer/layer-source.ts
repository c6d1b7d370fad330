import { crc32c, RetraceError } from '@retrace/core';
import { decompressLater } from '../codec/codec.js';
import type { StoredFile } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import { readAll } from '../storage/write-all.js';
import type { BlockShare } from './block-cache.js';
import type { CacheShare } from './byte-cache.js';
import { corrupt } from './corrupt.js';
import type { CachedPage, LayerCaches } from './layer-caches.js';
import { LAYER_BOUNDS } from './limits.js';
import { type DecodedPart, decodePart, type PartKind, type PartRef } from './part.js';
import type { ChunkRef } from './row-page.js';

/** The bytes of an open layer file, checked before they are given out. */
export class LayerSource {
  readonly path: string;
  readonly fileBytes: number;
  readonly #file: StoredFile;
  readonly #pages: CacheShare<CachedPage>;
  readonly #chunks: CacheShare<Buffer>;
  /** Payloads of single rows of compressed chunks. */
  readonly blocks: BlockShare;
  #users = 0;
  #closing: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(file: StoredFile, path: string, fileBytes: number, caches: LayerCaches) {
    this.#file = file;
    this.path = path;
    this.fileBytes = fileBytes;
    this.#pages = caches.pages.share();
    this.#chunks = caches.chunks.share();
    this.blocks = caches.blocks.share();
  }

  /** How errors call a byte of the file. */
  place(position: number): string {
    return `${this.path} byte ${position}`;
  }

  /**
   * Bytes of the file, unchecked.
   * @throws RetraceError CORRUPTION where the file ends before; STORAGE_FAILED; JOURNAL_CLOSED
   */
  async read(position: number, bytes: number): Promise<Buffer> {
    if (this.#closed !== undefined) {
      throw new RetraceError('JOURNAL_CLOSED', `${this.path} is closed`);
    }
    if (position + bytes > this.fileBytes) {
      throw corrupt(this.place(position), `the file ends before byte ${position + bytes}`);
    }
    this.#users++;
    try {
      const target = Buffer.allocUnsafeSlow(bytes);
      if (await readAll(this.#file, target, position)) return target;
      throw corrupt(this.place(position), `the file ends before byte ${position + bytes}`);
    } catch (error) {
      throw storageError(error, `read of ${this.place(position)}`);
    } finally {
      this.#users--;
      if (this.#users === 0) this.#closing?.();
    }
  }

  /** A part of the index, checked. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async part(
    kind: PartKind,
    { position, bytes, crc }: PartRef,
    plainBytesMax: number,
  ): Promise<DecodedPart> {
    const stored = await this.read(position, bytes);
    return decodePart(kind, stored, crc, { plainBytesMax, place: this.place(position) });
  }

  /** Bytes of the file, unchecked; without a promise where the page cache has them. */
  readBlock(position: number, bytes: number): Buffer | Promise<Buffer> {
    if (this.#closed === undefined && position + bytes <= this.fileBytes) {
      const target = Buffer.allocUnsafe(bytes);
      if (this.#file.readCached(target, position)) return target;
    }
    return this.read(position, bytes);
  }

  /** A chunk's payloads, checked against its own checksum, not against those of its blocks. */
  async chunk(ref: ChunkRef): Promise<Buffer> {
    const stored = await this.read(ref.position, ref.storedBytes);
    const place = this.place(ref.position);
    if (crc32c(stored) !== ref.crc) throw corrupt(place, 'the checksum of a chunk does not match');
    const plainBytesMax = LAYER_BOUNDS.chunkPlainBytes;
    return decompressLater(ref.codec, stored, ref.plainBytes, { plainBytesMax, place });
  }

  /** The same, where it is in memory. */
  cachedChunk(ref: ChunkRef): Buffer | undefined {
    return this.#chunks.get(ref.position);
  }

  /** The same, kept in memory. */
  loadChunk(ref: ChunkRef): Promise<Buffer> {
    return this.#chunks.load(ref.position, () => this.chunk(ref));
  }

  /** What was made of the part at `position`, where it is in memory. */
  cached(position: number): CachedPage | undefined {
    return this.#pages.get(position);
  }

  /** The same, kept in memory. */
  load(position: number, load: () => Promise<CachedPage>): Promise<CachedPage> {
    return this.#pages.load(position, load);
  }

  /** Waits for the reads under way; later ones are refused. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#pages.close();
    this.#chunks.close();
    this.blocks.close();
    await new Promise<void>((resolve) => {
      if (this.#users === 0) resolve();
      else this.#closing = resolve;
    });
    await this.#file.close();
  }
}
