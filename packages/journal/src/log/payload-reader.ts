import { RetraceError, systemErrorCode } from '@retrace/core';
import type { Storage, StoredFile } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import { readAll } from '../storage/write-all.js';
import { payloadPath } from './segment-paths.js';

interface OpenFile {
  readonly file: StoredFile;
  users: number;
  closing: boolean;
}

/** Reads payload files: a bounded number of them is kept open. */
export class PayloadReader {
  readonly #storage: Storage;
  readonly #openFilesMax: number;
  /** Least recently opened first. */
  readonly #open = new Map<number, OpenFile>();
  readonly #opening = new Map<number, Promise<OpenFile>>();

  constructor(storage: Storage, openFilesMax: number) {
    this.#storage = storage;
    this.#openFilesMax = openFilesMax;
  }

  /**
   * Fills `target` from byte `position` of a segment's payload file. Nothing is checked here: the
   * record's checksums are. @returns undefined when it is filled already, else a promise
   * @throws RetraceError CORRUPTION when the file is missing or too short, STORAGE_FAILED
   */
  read(segment: number, position: number, target: Buffer): undefined | Promise<void> {
    const open = this.#open.get(segment);
    if (open?.file.readCached(target, position)) return undefined;
    return this.#read(segment, position, target);
  }

  /** Bytes of a segment's payload file; 0 when there is none. */
  async size(segment: number): Promise<number> {
    return (await this.#storage.size(payloadPath(segment))) ?? 0;
  }

  async #read(segment: number, position: number, target: Buffer): Promise<void> {
    const open = await this.#acquire(segment);
    const path = payloadPath(segment);
    try {
      if (await readAll(open.file, target, position)) return;
      throw new RetraceError('CORRUPTION', `${path} ends before byte ${position + target.length}`, {
        details: { place: `${path} byte ${position}` },
      });
    } catch (error) {
      throw storageError(error, `read of ${path} at byte ${position}`);
    } finally {
      this.#release(open);
    }
  }

  async #acquire(segment: number): Promise<OpenFile> {
    const open = this.#open.get(segment) ?? (await this.#openOnce(segment));
    if (open.closing) return this.#acquire(segment);
    open.users++;
    return open;
  }

  /** Reads that come at once share one opening. */
  #openOnce(segment: number): Promise<OpenFile> {
    const running = this.#opening.get(segment);
    if (running !== undefined) return running;
    const opening = this.#openFile(segment).finally(() => this.#opening.delete(segment));
    this.#opening.set(segment, opening);
    return opening;
  }

  async #openFile(segment: number): Promise<OpenFile> {
    const path = payloadPath(segment);
    try {
      const open = { file: await this.#storage.open(path, 'read'), users: 0, closing: false };
      this.#open.set(segment, open);
      this.#closeSurplus();
      return open;
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw storageError(error, `opening ${path}`);
      throw new RetraceError('CORRUPTION', `${path} is missing`, { details: { place: path } });
    }
  }

  /** Closes a segment's file once its reads are done. */
  forget(segment: number): void {
    const open = this.#open.get(segment);
    if (open !== undefined) this.#forget(segment, open);
  }

  #closeSurplus(): void {
    for (const [segment, open] of this.#open) {
      if (this.#open.size <= this.#openFilesMax) return;
      this.#forget(segment, open);
    }
  }

  #forget(segment: number, open: OpenFile): void {
    this.#open.delete(segment);
    open.closing = true;
    if (open.users === 0) this.#closeFile(open);
  }

  #release(open: OpenFile): void {
    open.users--;
    if (open.closing && open.users === 0) this.#closeFile(open);
  }

  #closeFile(open: OpenFile): void {
    // Opened for reading only: there is nothing a failing close could lose.
    open.file.close().catch(() => {});
  }

  /** Closes every file once its reads are done. */
  close(): void {
    for (const [segment, open] of this.#open) this.#forget(segment, open);
  }
}
