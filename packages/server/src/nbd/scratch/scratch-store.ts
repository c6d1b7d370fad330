import type { FileHandle } from 'node:fs/promises';
import { punchHole, RetraceError } from '@retrace/core';
import { type ScratchSpace, scratchError } from './scratch-space.js';

/** Blocks of a scratch export, whatever the blocks of its volume are. */
export const SCRATCH_BLOCK_BYTES = 4096;

/**
 * Where one scratch export keeps its blocks: in memory first, then in a file in which every block
 * lies at the place it has on the volume.
 */
export class ScratchStore {
  readonly #space: ScratchSpace;
  readonly #exportName: string;
  readonly #memory = new Map<number, Buffer>();
  #file: FileHandle | undefined;
  #fileBytes = 0;

  /** @param exportName - whose blocks these are, for its errors */
  constructor(space: ScratchSpace, exportName: string) {
    this.#space = space;
    this.#exportName = exportName;
  }

  /**
   * Takes room for so many blocks more, all in one place.
   * @throws RetraceError DISK_FULL when neither place has room; nothing is taken then
   */
  take(blocks: number): 'memory' | 'file' {
    const bytes = blocks * SCRATCH_BLOCK_BYTES;
    const { scratchMemoryBytesMax, scratchBytesMax } = this.#space.limits;
    const inMemory = this.#memory.size * SCRATCH_BLOCK_BYTES;
    if (inMemory + this.#fileBytes + bytes <= scratchBytesMax) {
      if (inMemory + bytes <= scratchMemoryBytesMax && this.#space.tryTakeMemory(bytes)) {
        return 'memory';
      }
      if (this.#space.tryTakeFile(bytes)) {
        this.#fileBytes += bytes;
        return 'file';
      }
    }
    throw new RetraceError('DISK_FULL', `${this.#exportName}: it holds as much as it may`);
  }

  /** Gives room back that was taken for blocks in the file. */
  giveFile(blocks: number): void {
    this.#fileBytes -= blocks * SCRATCH_BLOCK_BYTES;
    this.#space.giveFile(blocks * SCRATCH_BLOCK_BYTES);
  }

  /** A new block in memory; room for it was taken. */
  add(block: number): Buffer {
    const buffer = Buffer.alloc(SCRATCH_BLOCK_BYTES);
    this.#memory.set(block, buffer);
    return buffer;
  }

  /** A block that is in memory. */
  at(block: number): Buffer {
    const buffer = this.#memory.get(block);
    if (buffer === undefined) throw new RetraceError('INTERNAL', `scratch block ${block} is lost`);
    return buffer;
  }

  /** Forgets blocks in memory and gives their room back. */
  dropMemory(start: number, count: number): void {
    for (let block = start; block < start + count; block++) this.#memory.delete(block);
    this.#space.giveMemory(count * SCRATCH_BLOCK_BYTES);
  }

  /** Forgets blocks in the file and gives their room back. */
  dropFile(start: number, count: number): void {
    this.giveFile(count);
    if (this.#file === undefined) return;
    try {
      punchHole(this.#file.fd, start * SCRATCH_BLOCK_BYTES, count * SCRATCH_BLOCK_BYTES);
    } catch {
      // The filesystem knows no holes: the space comes back when the file is closed.
    }
  }

  /** @throws RetraceError DISK_FULL, STORAGE_FAILED */
  async writeFile(offset: number, data: Buffer): Promise<void> {
    this.#file ??= await this.#space.openFile(this.#exportName);
    try {
      for (let done = 0; done < data.length; ) {
        const { bytesWritten } = await this.#file.write(data, done, undefined, offset + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw scratchError(error, this.#exportName);
    }
  }

  /** @throws RetraceError STORAGE_FAILED */
  async readFile(offset: number, target: Buffer): Promise<void> {
    if (this.#file === undefined) throw new RetraceError('INTERNAL', 'there is no scratch file');
    try {
      for (let done = 0; done < target.length; ) {
        const { bytesRead } = await this.#file.read(target, done, undefined, offset + done);
        if (bytesRead === 0) throw new Error('the scratch file is shorter than it was');
        done += bytesRead;
      }
    } catch (error) {
      throw scratchError(error, this.#exportName);
    }
  }

  /** Lets go of everything. */
  async close(): Promise<void> {
    this.#space.leave(this.#memory.size * SCRATCH_BLOCK_BYTES, this.#fileBytes);
    this.#memory.clear();
    await this.#file?.close();
  }
}
