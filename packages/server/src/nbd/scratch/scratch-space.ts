import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RetraceError, systemErrorCode } from '@retrace/core';
import type { ServerLimits } from '../../limits.js';

/** What all scratch exports of a server share: the folder of their files, and what they hold. */
export class ScratchSpace {
  readonly limits: ServerLimits;
  readonly #directory: string;
  #memoryBytes = 0;
  #fileBytes = 0;
  #open = 0;
  #files = 0;

  /** @param directory - a folder of its own; whatever lies in it is removed by `clear` */
  constructor(directory: string, limits: ServerLimits) {
    this.#directory = directory;
    this.limits = limits;
  }

  /** Held in memory and in files, over all scratch exports. */
  get held(): { readonly memoryBytes: number; readonly fileBytes: number } {
    return { memoryBytes: this.#memoryBytes, fileBytes: this.#fileBytes };
  }

  /** Removes what an earlier run left behind. */
  async clear(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const name of await readdir(this.#directory)) {
      await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  /** One scratch export more. @throws RetraceError SERVER_BUSY */
  enter(exportName: string): void {
    if (this.#open >= this.limits.scratchesMax) {
      const why = `${this.#open} scratch exports are open already`;
      throw new RetraceError('SERVER_BUSY', `${exportName}: ${why}`);
    }
    this.#open += 1;
  }

  /** One less, with what it held. */
  leave(memoryBytes: number, fileBytes: number): void {
    this.#open -= 1;
    this.#memoryBytes -= memoryBytes;
    this.#fileBytes -= fileBytes;
  }

  /** Takes memory if all exports together may have it. */
  tryTakeMemory(bytes: number): boolean {
    if (this.#memoryBytes + bytes > this.limits.scratchMemoryTotalBytesMax) return false;
    this.#memoryBytes += bytes;
    return true;
  }

  giveMemory(bytes: number): void {
    this.#memoryBytes -= bytes;
  }

  /** Takes room in files if all exports together may have it. */
  tryTakeFile(bytes: number): boolean {
    if (this.#fileBytes + bytes > this.limits.scratchTotalBytesMax) return false;
    this.#fileBytes += bytes;
    return true;
  }

  giveFile(bytes: number): void {
    this.#fileBytes -= bytes;
  }

  /**
   * A file without a name: it is gone when it is closed, also by a crash.
   * @throws RetraceError DISK_FULL, STORAGE_FAILED
   */
  async openFile(exportName: string): Promise<FileHandle> {
    this.#files += 1;
    const path = join(this.#directory, `${process.pid}-${this.#files}.scratch`);
    try {
      const handle = await open(path, 'wx+', 0o600);
      await rm(path);
      return handle;
    } catch (error) {
      throw scratchError(error, exportName);
    }
  }
}

/** A failed call on the file of a scratch export, with the export's name. */
export const scratchError = (cause: unknown, exportName: string): RetraceError => {
  const code = systemErrorCode(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    const text = `${exportName}: no space is left for what was written (${code})`;
    return new RetraceError('DISK_FULL', text, { cause });
  }
  const why = code ?? (cause instanceof Error ? cause.message : String(cause));
  return new RetraceError('STORAGE_FAILED', `${exportName}: its scratch file failed: ${why}`, {
    cause,
  });
};
