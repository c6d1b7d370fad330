import type { Database, DatabaseOptions } from './database.js';

/**
 * The one way by which the journal reaches its files: a tree of directories, addressed by paths
 * relative to its root, with `/`. Local today (local-storage.ts); the tests bring one that forgets
 * what was not synced.
 *
 * Errors are system errors with a `code` (`ENOENT`, `ENOSPC`, ...); `storageError` gives them their
 * Retrace code. Nothing here is retried.
 */
export interface Storage {
  /** What the root is called in messages. */
  readonly name: string;

  /**
   * Opens a file: `create` makes a new, empty one and fails with EEXIST when there is one already,
   * `read` and `update` fail with ENOENT when there is none.
   */
  open(path: string, mode: OpenMode): Promise<StoredFile>;

  /** Names in a directory, sorted; empty when there is no such directory. */
  list(directory: string): Promise<readonly string[]>;

  /** Bytes of a file; undefined when there is none. */
  size(path: string): Promise<number | undefined>;

  /** Makes a directory; no error when it is there. The parent must exist. */
  makeDirectory(path: string): Promise<void>;

  /** Makes the names in a directory durable. A file's own sync does not. */
  syncDirectory(path: string): Promise<void>;

  /** Renames, replacing `to`; across directories, both are the caller's to sync. */
  rename(from: string, to: string): Promise<void>;

  /** Removes a file, or a directory with all that is in it; no error when it is not there. */
  remove(path: string): Promise<void>;

  /** Takes an exclusive lock on a file, creating it; undefined when another process has it. */
  lock(path: string): Promise<StorageLock | undefined>;

  /** Opens an ordered key-value database that lives in a directory of its own. */
  openDatabase(path: string, options: DatabaseOptions): Promise<Database>;
}

export type OpenMode = 'create' | 'read' | 'update';

export interface StorageLock {
  release(): Promise<void>;
}

/** An open file. Positions are bytes from the start. */
export interface StoredFile {
  /**
   * Writes the buffers one after the other from `position` on, at most WRITEV_BUFFERS_MAX of them.
   * @returns bytes written: may be fewer than given, as with the system call (`writeAll` goes on)
   */
  writev(buffers: readonly Buffer[], position: number): Promise<number>;

  /** Makes what was written durable (fdatasync). After a failure nothing can be said of it. */
  sync(): Promise<void>;

  /** Reads up to `target.length` bytes. @returns bytes read; fewer only at the end of the file */
  read(target: Buffer, position: number): Promise<number>;

  /**
   * Fills `target` when that needs no waiting (the page cache has it all), without a promise.
   * @returns false when `read` must be asked instead
   */
  readCached(target: Buffer, position: number): boolean;

  close(): Promise<void>;
}

/** Most buffers in one `writev`: Linux' IOV_MAX. */
export const WRITEV_BUFFERS_MAX = 1024;
