import { createHash } from 'node:crypto';
import { assert, crc32c } from '@retrace/core';
import type { StoredFile } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import { writeAll } from '../storage/write-all.js';
import type { PartRef } from './part.js';

/** The file of a layer while it is written: parts one after the other, held until `flush`. */
export class LayerOutput {
  readonly #file: StoredFile;
  readonly #path: string;
  readonly #hash = createHash('sha256');
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes that are in the file, or on their way. */
  #flushed = 0;
  #flushing: Promise<void> | undefined;
  #failure: unknown;

  constructor(file: StoredFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Where the next part will lie. */
  get position(): number {
    return this.#flushed + this.#pendingBytes;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Appends a part; the buffers must not change until they are flushed. */
  put(buffers: readonly Buffer[]): PartRef {
    const { position } = this;
    let crc = 0;
    let bytes = 0;
    for (const buffer of buffers) {
      crc = crc32c(buffer, crc);
      bytes += buffer.length;
      this.#pending.push(buffer);
    }
    this.#pendingBytes += bytes;
    return { position, bytes, crc };
  }

  /**
   * Writes what is pending. After a failure every later call fails as well: bytes are missing.
   * @throws RetraceError STORAGE_FAILED, DISK_FULL
   */
  async flush(): Promise<void> {
    assert(this.#flushing === undefined, 'one flush of a layer at a time');
    if (this.#failure !== undefined) throw this.#failed(this.#failure);
    const buffers = this.#pending;
    const position = this.#flushed;
    this.#flushed += this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const buffer of buffers) this.#hash.update(buffer);
    this.#flushing = writeAll(this.#file, buffers, position);
    try {
      await this.#flushing;
    } catch (error) {
      this.#failure = error;
      throw this.#failed(error);
    } finally {
      this.#flushing = undefined;
    }
  }

  /** SHA-256 over all that was flushed. Nothing may be added to it any more. */
  digest(): Buffer {
    return this.#hash.digest();
  }

  /** Writes the last bytes, which the digest is part of, and makes the file durable. */
  async finish(footer: Buffer): Promise<void> {
    try {
      await writeAll(this.#file, [footer], this.#flushed);
      await this.#file.sync();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #failed(error: unknown): Error {
    return storageError(error, `writing ${this.#path}`);
  }
}
