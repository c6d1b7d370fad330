import type { Database } from '../storage/database.js';
import type { Storage } from '../storage/storage.js';
import type { LogLimits } from './limits.js';
import { entriesDirectory } from './segment-paths.js';

interface OpenDatabase {
  readonly database: Promise<Database>;
  users: number;
  /** The segment being written: stays open until it is retired. */
  pinned: boolean;
}

/** The open databases of segments: one handle each (LevelDB allows no second), a bounded number. */
export class SegmentDatabases {
  readonly #storage: Storage;
  readonly #limits: LogLimits;
  /** Least recently used first. */
  readonly #open = new Map<number, OpenDatabase>();
  readonly #closing = new Map<number, Promise<void>>();

  constructor(storage: Storage, limits: LogLimits) {
    this.#storage = storage;
    this.#limits = limits;
  }

  /** Takes over the database of the segment being written. */
  adopt(segment: number, database: Database): void {
    this.#open.set(segment, { database: Promise.resolve(database), users: 0, pinned: true });
  }

  /** The segment is no longer written: its database may be closed when nobody uses it. */
  async retire(segment: number): Promise<void> {
    const entry = this.#open.get(segment);
    if (entry === undefined) return;
    entry.pinned = false;
    await this.#closeUnused(0);
  }

  /** A segment's database, which stays open until `release`. @throws when it cannot be opened */
  async acquire(segment: number): Promise<Database> {
    await this.#closing.get(segment);
    let entry = this.#open.get(segment);
    if (entry === undefined) {
      const database = this.#storage.openDatabase(entriesDirectory(segment), {
        create: false,
        writeBufferBytes: this.#limits.writeBufferBytes,
      });
      entry = { database, users: 0, pinned: false };
    }
    this.#open.delete(segment);
    this.#open.set(segment, entry);
    entry.users++;
    try {
      return await entry.database;
    } catch (error) {
      this.#open.delete(segment);
      throw error;
    }
  }

  async release(segment: number): Promise<void> {
    const entry = this.#open.get(segment);
    if (entry === undefined) return;
    entry.users--;
    await this.#closeUnused(this.#limits.openDatabasesMax);
  }

  async #closeUnused(keep: number): Promise<void> {
    let excess = [...this.#open.values()].filter(({ pinned }) => !pinned).length - keep;
    for (const [segment, entry] of this.#open) {
      if (excess <= 0) break;
      if (entry.pinned || entry.users > 0) continue;
      excess--;
      this.#open.delete(segment);
      const closed = entry.database.then((database) => database.close()).catch(() => {});
      this.#closing.set(segment, closed);
      await closed;
      this.#closing.delete(segment);
    }
  }

  /** Closes all that nobody uses, the one being written included. */
  async close(): Promise<void> {
    for (const entry of this.#open.values()) entry.pinned = false;
    await this.#closeUnused(0);
  }
}
