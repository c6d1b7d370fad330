import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RetraceError, systemErrorCode } from '@retrace/core';
import type { Sink } from './copy.js';

/** Zeros are left out of a file in units of this many bytes. */
const UNIT_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(UNIT_BYTES);

const isZero = (bytes: Buffer): boolean =>
  bytes[0] === 0 &&
  bytes.equals(bytes.length === UNIT_BYTES ? ZEROS : ZEROS.subarray(0, bytes.length));

/** Runs of units with data, as start and end (exclusive) within `bytes`. */
export const dataRuns = (bytes: Buffer): readonly (readonly [start: number, end: number])[] => {
  const runs: [number, number][] = [];
  for (let start = 0; start < bytes.length; start += UNIT_BYTES) {
    const end = Math.min(start + UNIT_BYTES, bytes.length);
    if (isZero(bytes.subarray(start, end))) continue;
    const last = runs.at(-1);
    if (last?.[1] === start) last[1] = end;
    else runs.push([start, end]);
  }
  return runs;
};

/**
 * A new, sparse file. It has its name only when all of it is on stable storage; until then it is
 * called `FILE.partial`.
 */
export class FileSink implements Sink {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #base: number;
  readonly #sizeBytes: number;

  private constructor(path: string, file: FileHandle, base: number, sizeBytes: number) {
    this.#path = path;
    this.#file = file;
    this.#base = base;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * @param base - offset of the source that becomes the file's first byte
   * @param sizeBytes - size of the file
   * @throws RetraceError STORAGE_FAILED, DISK_FULL
   */
  static async create(path: string, base: number, sizeBytes: number): Promise<FileSink> {
    const partial = partialPath(path);
    try {
      const file = await open(partial, 'w', 0o600);
      await file.truncate(sizeBytes);
      return new FileSink(path, file, base, sizeBytes);
    } catch (cause) {
      throw fileError(partial, cause);
    }
  }

  async data(offset: number, bytes: Buffer): Promise<void> {
    try {
      for (const [start, end] of dataRuns(bytes)) {
        await writeAllAt(this.#file, bytes.subarray(start, end), offset - this.#base + start);
      }
    } catch (cause) {
      throw fileError(this.#path, cause);
    }
  }

  async zeros(): Promise<void> {
    // The file was made of the right size, and is nothing but a hole so far.
  }

  /** Makes the file durable and gives it its name. @throws RetraceError as `create` */
  async finish(): Promise<void> {
    try {
      await this.#file.sync();
      const { size } = await this.#file.stat();
      await this.#file.close();
      if (size !== this.#sizeBytes) {
        throw new RetraceError('STORAGE_FAILED', `${this.#path} came out as ${size} bytes`);
      }
      await commitFile(this.#path);
    } catch (cause) {
      throw fileError(this.#path, cause);
    }
  }

  /** Removes what there is of it. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(partialPath(this.#path), { force: true });
  }
}

/** The name of a file that is not complete yet. */
export const partialPath = (path: string): string => `${path}.partial`;

/** Renames a complete and synced partial file, and syncs the folder. */
export const commitFile = async (path: string): Promise<void> => {
  await rename(partialPath(path), path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

/** `FileHandle.write` may write less than it was given. */
const writeAllAt = async (file: FileHandle, bytes: Buffer, position: number): Promise<void> => {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
};

/** A failed file operation with a code of ours. */
export const fileError = (path: string, cause: unknown): RetraceError => {
  if (cause instanceof RetraceError) return cause;
  const code = systemErrorCode(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new RetraceError('DISK_FULL', `no space is left for ${path}`, { cause });
  }
  const why = code ?? (cause instanceof Error ? cause.message : String(cause));
  return new RetraceError('STORAGE_FAILED', `${path} cannot be written: ${why}`, { cause });
};
