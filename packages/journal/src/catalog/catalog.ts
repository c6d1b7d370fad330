import { assert, RetraceError } from '@retrace/core';
import { type Damage, damage } from '../storage/damage.js';
import type { Database, Put } from '../storage/database.js';
import type { Storage } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import {
  type CatalogMap,
  changeKey,
  digestOf,
  encodeChange,
  encodeVersion,
  isCatalogName,
  sealedCrc,
  type VersionRef,
  versionKey,
} from './catalog-codec.js';
import { type CatalogState, currentVersion, setCurrent } from './catalog-state.js';
import { CATALOG_DIRECTORY, loadCatalog } from './load-catalog.js';
import { openCatalogDatabase, reopenCatalogDatabase } from './open-database.js';

/** What one entry is to say; `value` undefined removes it. */
export interface CatalogChange {
  readonly kind: string;
  readonly id: string;
  readonly value: CatalogMap | undefined;
}

export interface CatalogEntry {
  readonly id: string;
  readonly value: CatalogMap;
}

/**
 * Small, durable, versioned maps by (kind, id): segments, tokens, fences, ... Everything is in
 * memory; a change is one synced batch of new versions and one link of the chain of changes
 * (docs/formats/catalog.md). Nothing is overwritten, and a removal is a version that says so.
 */
export class Catalog {
  readonly #storage: Storage;
  readonly #openProblems: readonly Damage[];
  #database: Database;
  #state: CatalogState;
  #failed = false;
  #closed = false;
  #last: Promise<void> = Promise.resolve();
  #noticed: Damage | undefined;

  private constructor(
    storage: Storage,
    database: Database,
    state: CatalogState,
    problems: readonly Damage[],
  ) {
    this.#storage = storage;
    this.#database = database;
    this.#state = state;
    this.#openProblems = problems;
  }

  /**
   * Opens the catalog of a data directory. Damage is in `problems`, and what is left is used.
   * @throws RetraceError STORAGE_FAILED, DISK_FULL
   */
  static async open(storage: Storage): Promise<Catalog> {
    try {
      const { database, loaded, problems } = await openCatalogDatabase(storage, loadCatalog);
      return new Catalog(storage, database, loaded, problems);
    } catch (error) {
      throw storageError(error, 'opening the catalog');
    }
  }

  /** Number of the newest change; 0 before the first. */
  get change(): number {
    return this.#state.change;
  }

  problems(): readonly Damage[] {
    const noticed = this.#noticed === undefined ? [] : [this.#noticed];
    return [...this.#openProblems, ...this.#state.problems, ...noticed];
  }

  /**
   * Tells of a change that the log has seen: its commits carry the number of the newest. A chain
   * that ends earlier has lost its end, which it cannot notice itself.
   */
  noteWitness(change: number): void {
    const found = this.#state.change;
    if (change <= found) return;
    const what = `changes ${found + 1} to ${change} are missing: the log has seen change ${change}`;
    this.#noticed = damage(CATALOG_DIRECTORY, what);
    this.#state.change = change;
  }

  get(kind: string, id: string): CatalogMap | undefined {
    return currentVersion(this.#state, kind, id).value;
  }

  /** Entries of a kind, by id. */
  list(kind: string): readonly CatalogEntry[] {
    const entries: CatalogEntry[] = [];
    for (const [id, { value }] of this.#state.kinds.get(kind) ?? []) {
      if (value !== undefined) entries.push({ id, value });
    }
    return entries.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** One entry alone. @throws as `put` */
  set(kind: string, id: string, value: CatalogMap): Promise<void> {
    return this.put([{ kind, id, value }]);
  }

  /** @throws as `put` */
  remove(kind: string, id: string): Promise<void> {
    return this.put([{ kind, id, value: undefined }]);
  }

  /**
   * Makes all the changes or none, durable and visible when it resolves. Calls run one by one.
   * @throws RetraceError STORAGE_FAILED, DISK_FULL: nothing has changed; JOURNAL_CLOSED
   */
  put(changes: readonly CatalogChange[]): Promise<void> {
    for (const { kind, id } of changes) {
      assert(isCatalogName(kind) && isCatalogName(id), `catalog name ${kind} "${id}"`);
    }
    const names = new Set(changes.map(({ kind, id }) => `${kind}\0${id}`));
    assert(names.size === changes.length, 'a change has one value for an entry');
    const done = this.#last.then(() => this.#put(changes));
    this.#last = done.catch(() => {});
    return done;
  }

  async #put(changes: readonly CatalogChange[]): Promise<void> {
    if (this.#closed) throw new RetraceError('JOURNAL_CLOSED', 'the journal is shutting down');
    try {
      if (this.#failed) await this.#recover();
      await this.#write(changes);
    } catch (error) {
      this.#failed = true;
      throw storageError(error, 'change of the catalog');
    }
  }

  async #write(changes: readonly CatalogChange[]): Promise<void> {
    const state = this.#state;
    const number = state.change + 1;
    const puts: Put[] = [];
    const versions: VersionRef[] = [];
    for (const { kind, id, value } of changes) {
      const version = currentVersion(state, kind, id).version + 1;
      const bytes = encodeVersion({ change: number, value });
      puts.push({ key: versionKey(kind, id, version), value: bytes });
      versions.push({ kind, id, version, crc: sealedCrc(bytes) });
    }
    const link = encodeChange({
      number,
      previous: state.linkedChange,
      previousDigest: state.linkedDigest,
      versions,
    });
    await this.#database.write([...puts, { key: changeKey(number), value: link }]);
    for (const [index, { kind, id, value }] of changes.entries()) {
      const { version } = versions[index]!;
      // A copy: the caller's map may change later, what is stored may not.
      setCurrent(state, kind, id, { version, value: structuredClone(value) });
    }
    state.change = number;
    state.linkedChange = number;
    state.linkedDigest = digestOf(link);
  }

  /**
   * After a failed write: the database takes no more until it is opened again, and then the failed
   * change may be in it after all. Its caller was told that nothing has changed, so what it says is
   * taken back by newer versions.
   */
  async #recover(): Promise<void> {
    await this.#database.close().catch(() => {});
    const database = await reopenCatalogDatabase(this.#storage);
    this.#database = database;
    const before = this.#state;
    const found = await loadCatalog(database);
    const takenBack: CatalogChange[] = [];
    for (const [kind, entries] of found.kinds) {
      for (const [id, { version }] of entries) {
        const known = currentVersion(before, kind, id);
        if (version > known.version) takenBack.push({ kind, id, value: known.value });
      }
    }
    found.change = Math.max(found.change, before.change);
    this.#state = found;
    try {
      if (takenBack.length > 0) await this.#write(takenBack);
      this.#failed = false;
    } finally {
      // Until that is done, what is shown is what callers were told.
      if (this.#failed) this.#state = before;
    }
  }

  /** Waits for the changes under way. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    await this.#database.close().catch(() => {});
  }
}
