import type { Database, Entry, KeyRange, Put } from '../database.js';
import type { Chance, Fault } from './faults.js';
import { systemError } from './faults.js';

/** What a database's directory holds: batches in order, and how many of them are durable. */
export class MemoryTables {
  #batches: (readonly Put[])[] = [];
  #durable = 0;
  /** False until the directory was synced: a power cut may take CURRENT away. */
  namesDurable = false;
  /** Must stay empty: each key is written once, ever. */
  readonly keysWrittenTwice: string[];

  constructor(keysWrittenTwice: string[] = []) {
    this.keysWrittenTwice = keysWrittenTwice;
  }

  add(puts: readonly Put[], durable: boolean): void {
    const keys = new Set(this.#batches.flat().map(({ key }) => key.toString('hex')));
    for (const { key } of puts) {
      if (keys.has(key.toString('hex'))) this.keysWrittenTwice.push(key.toString('hex'));
    }
    this.#batches.push(puts.map(({ key, value }) => ({ key, value: Buffer.from(value) })));
    if (durable) this.#durable = this.#batches.length;
  }

  /** Opening writes what can be read as a table, and syncs it. */
  settle(): void {
    this.#durable = this.#batches.length;
  }

  sorted(): Put[] {
    return this.#batches.flat().sort((a, b) => Buffer.compare(a.key, b.key));
  }

  copy(): MemoryTables {
    const tables = new MemoryTables(this.keysWrittenTwice);
    tables.#batches = this.#batches.map((batch) =>
      batch.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) })),
    );
    tables.#durable = this.#batches.length;
    tables.namesDurable = true;
    return tables;
  }

  /** Takes one entry away, as LevelDB does for a damaged block of its log. */
  drop(key: Buffer): void {
    this.#batches = this.#batches.map((batch) => batch.filter((put) => !put.key.equals(key)));
  }

  /** A log file is cut off somewhere behind the last sync. */
  afterCrash(chance: Chance): MemoryTables | undefined {
    if (!this.namesDurable && chance.hit()) return undefined;
    const tables = new MemoryTables(this.keysWrittenTwice);
    const kept = this.#durable + chance.below(this.#batches.length - this.#durable + 1);
    tables.#batches = this.#batches.slice(0, kept);
    tables.#durable = kept;
    tables.namesDurable = true;
    return tables;
  }
}

/** An open handle on `MemoryTables`. */
export class MemoryDatabase implements Database {
  readonly #tables: MemoryTables;
  readonly #access: (kind: 'write-database' | 'scan-database') => Promise<Fault | undefined>;
  readonly #onClose: () => void;
  #poisoned = false;
  #closed = false;

  constructor(
    tables: MemoryTables,
    access: (kind: 'write-database' | 'scan-database') => Promise<Fault | undefined>,
    onClose: () => void,
  ) {
    this.#tables = tables;
    this.#access = access;
    this.#onClose = onClose;
  }

  async write(puts: readonly Put[]): Promise<void> {
    if (this.#closed) throw new Error('the database is closed');
    if (this.#poisoned) throw systemError('EIO');
    const fault = await this.#access('write-database');
    if (fault === undefined || fault.fault === 'lie') {
      this.#tables.add(puts, fault === undefined);
      return;
    }
    // A failed write may be in the log file all the same.
    this.#poisoned = true;
    this.#tables.add(puts, false);
    throw systemError(fault.fault === 'error' ? fault.code : 'EIO');
  }

  async *scan({ from, to, reverse, limit }: KeyRange): AsyncGenerator<readonly Entry[]> {
    const fault = await this.#access('scan-database');
    if (fault !== undefined) throw systemError('EIO');
    const inRange = this.#tables.sorted().filter(({ key }) => {
      if (from !== undefined && Buffer.compare(key, from) < 0) return false;
      return to === undefined || Buffer.compare(key, to) < 0;
    });
    if (reverse) inRange.reverse();
    const entries = inRange.slice(0, limit).map(({ key, value }): Entry => [key, value]);
    for (let at = 0; at < entries.length; at += 3) yield entries.slice(at, at + 3);
  }

  async compact(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
  }
}
