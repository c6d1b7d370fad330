import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CachedReader, systemErrorCode, tryLockExclusive } from '@retrace/core';
import type { Database, DatabaseOptions } from './database.js';
import { LocalDatabase } from './local-database.js';
import { LocalFile } from './local-file.js';
import type { OpenMode, Storage, StorageLock, StoredFile } from './storage.js';

const openFd = promisify(fs.open);
const closeFd = promisify(fs.close);
const fsync = promisify(fs.fsync);

/** Largest read that is tried without waiting; above, copying out of the cache takes too long. */
const CACHED_READ_BYTES_MAX = 256 * 1024;

const FLAGS: Readonly<Record<OpenMode, string>> = { create: 'wx+', read: 'r', update: 'r+' };

/** The value, or undefined where there is no such file. */
const ifThere = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** A directory of this machine. */
export class LocalStorage implements Storage {
  readonly name: string;
  readonly #cached = new CachedReader(CACHED_READ_BYTES_MAX);

  /** @param root - path of the directory; `makeDirectory('')` makes it */
  constructor(root: string) {
    this.name = root;
  }

  #path(path: string): string {
    return join(this.name, path);
  }

  async open(path: string, mode: OpenMode): Promise<StoredFile> {
    const fd = await openFd(this.#path(path), FLAGS[mode], 0o600);
    return new LocalFile(fd, this.#cached);
  }

  async list(directory: string): Promise<readonly string[]> {
    const names = await ifThere(fs.promises.readdir(this.#path(directory)));
    return names?.sort() ?? [];
  }

  async size(path: string): Promise<number | undefined> {
    return (await ifThere(fs.promises.stat(this.#path(path))))?.size;
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await fs.promises.mkdir(this.#path(path), { mode: 0o700 });
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
      return;
    }
    // The root's own name lies outside: nobody else would sync it.
    if (path === '') await this.#syncDirectoryAt(dirname(resolve(this.name)));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#syncDirectoryAt(this.#path(path));
  }

  async #syncDirectoryAt(absolute: string): Promise<void> {
    const fd = await openFd(absolute, 'r');
    try {
      await fsync(fd);
    } finally {
      await closeFd(fd);
    }
  }

  rename(from: string, to: string): Promise<void> {
    return fs.promises.rename(this.#path(from), this.#path(to));
  }

  remove(path: string): Promise<void> {
    return fs.promises.rm(this.#path(path), { recursive: true, force: true });
  }

  async lock(path: string): Promise<StorageLock | undefined> {
    const fd = await openFd(this.#path(path), 'a', 0o600);
    let locked = false;
    try {
      locked = tryLockExclusive(fd);
    } finally {
      if (!locked) await closeFd(fd);
    }
    // The lock goes with the descriptor, so a process that dies releases it.
    return locked ? { release: () => closeFd(fd) } : undefined;
  }

  openDatabase(path: string, options: DatabaseOptions): Promise<Database> {
    return LocalDatabase.open(this.#path(path), options);
  }
}
