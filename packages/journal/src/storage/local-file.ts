import fs from 'node:fs';
import { promisify } from 'node:util';
import type { CachedReader } from '@retrace/core';
import type { StoredFile } from './storage.js';

const closeFd = promisify(fs.close);
const fdatasync = promisify(fs.fdatasync);

/** A file by its descriptor: `fs.promises` costs several times as much a call. */
export class LocalFile implements StoredFile {
  readonly #fd: number;
  readonly #cached: CachedReader;

  constructor(fd: number, cached: CachedReader) {
    this.#fd = fd;
    this.#cached = cached;
  }

  writev(buffers: readonly Buffer[], position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.writev(this.#fd, buffers as Buffer[], position, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    });
  }

  sync(): Promise<void> {
    return fdatasync(this.#fd);
  }

  read(target: Buffer, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, target, 0, target.length, position, (error, got) => {
        if (error === null) resolve(got);
        else reject(error);
      });
    });
  }

  readCached(target: Buffer, position: number): boolean {
    const { scratch } = this.#cached;
    if (target.length > scratch.length) return false;
    if (!this.#cached.tryRead(this.#fd, position, target.length)) return false;
    scratch.copy(target, 0, 0, target.length);
    return true;
  }

  close(): Promise<void> {
    return closeFd(this.#fd);
  }
}
