import { assert, type Clock, RetraceError } from '@retrace/core';
import { type Damage, damage } from '../storage/damage.js';
import type { Put } from '../storage/database.js';
import { type Logger, silentLogger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import {
  type CatalogMap,
  changeKey,
  digestOf,
  encodeChange,
  encodeVersion,
  isCatalogName,
  type VersionRef,
  versionKey,
} from './catalog-codec.js';
import { CATALOG_DIRECTORY } from './catalog-paths.js';
import {
  type CatalogState,
  copyState,
  currentVersion,
  dropRemoved,
  setCurrent,
} from './catalog-state.js';
import { isDamagedDatabase } from './database-damage.js';
import { Generations } from './generations.js';
import { CATALOG_LIMITS } from './limits.js';
import { type LoadedCatalog, loadCatalog } from './load-catalog.js';
import { prepareFolder } from './prepare-folder.js';
import { readCatalog } from './read-catalog.js';
import type { GenerationContents } from './read-generation.js';
import { sealedCrc } from './sealed-map.js';

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

export interface CatalogOptions {
  /** Changes after which a snapshot is taken; at least 1. */
  readonly snapshotChanges?: number;
  /** Tells when a snapshot was taken. */
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * Small, durable, versioned maps by (kind, id): segments, tokens, fences, ... Everything is in
 * memory; a change is one synced batch of new versions and one link of the chain of changes. Every
 * so many changes a snapshot of it all is taken, and a new generation of the database begins
 * (docs/formats/catalog.md): opening costs what is in it, not what has ever been.
 */
export class Catalog {
  readonly #generations: Generations;
  readonly #snapshotChanges: number;
  readonly #takenUs: () => number;
  readonly #logger: Logger;
  readonly #problems: Damage[];
  #state: CatalogState;
  /** Changes that no snapshot has, and at how many of them one is due. */
  #unsaved: number;
  #dueAt: number;
  #failed = false;
  #closed = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(generations: Generations, loaded: LoadedCatalog, options: CatalogOptions) {
    const { snapshotChanges = CATALOG_LIMITS.snapshotChanges, clock, logger } = options;
    this.#generations = generations;
    this.#snapshotChanges = snapshotChanges;
    this.#takenUs = takenUsBy(clock);
    this.#logger = logger ?? silentLogger;
    this.#problems = [...loaded.problems];
    this.#state = loaded.state;
    this.#unsaved = loaded.home === undefined ? 0 : loaded.changes;
    this.#dueAt = snapshotChanges;
  }

  /**
   * Opens the catalog of a data directory. Damage is in `problems`, and what is left is used; where
   * the newest files are damaged a new generation begins, and nothing is removed.
   * @throws RetraceError STORAGE_FAILED, DISK_FULL
   */
  static async open(storage: Storage, options: CatalogOptions = {}): Promise<Catalog> {
    try {
      await prepareFolder(storage);
      const loaded = loadCatalog(await readCatalog(storage));
      const takenUs = takenUsBy(options.clock)();
      const generations = await Generations.open(storage, loaded, takenUs);
      return new Catalog(generations, loaded, options);
    } catch (error) {
      throw storageError(error, 'opening the catalog');
    }
  }

  /** Number of the newest change; 0 before the first. */
  get change(): number {
    return this.#state.change;
  }

  /** Damage that was found, and what was lost by it: the latter until the catalog is rebuilt. */
  problems(): readonly Damage[] {
    const all = [...this.#problems, ...this.#state.losses];
    return [...new Map(all.map((one) => [`${one.place} ${one.message}`, one])).values()];
  }

  /**
   * Tells of a change that the log has seen: its commits carry the number of the newest. A chain
   * that ends earlier has lost its end, which it cannot notice itself.
   */
  noteWitness(change: number): void {
    const found = this.#state.change;
    if (change <= found) return;
    const what = `changes ${found + 1} to ${change} are missing: the log has seen change ${change}`;
    this.#state.losses.push(damage(CATALOG_DIRECTORY, what));
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
    // The caller goes on at once: a snapshot that is due holds up the next change only.
    this.#last = done.then(
      () => this.#snapshotIfDue(),
      () => {},
    );
    return done;
  }

  async #put(changes: readonly CatalogChange[]): Promise<void> {
    if (this.#closed) throw new RetraceError('JOURNAL_CLOSED', 'the journal is shutting down');
    try {
      if (this.#failed) await this.#recover();
      await this.#write(this.#state, changes);
    } catch (error) {
      this.#failed = true;
      throw storageError(error, 'change of the catalog');
    }
  }

  async #write(state: CatalogState, changes: readonly CatalogChange[]): Promise<void> {
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
    await this.#generations.database.write([...puts, { key: changeKey(number), value: link }]);
    for (const [index, { kind, id, value }] of changes.entries()) {
      const { version } = versions[index]!;
      // A copy: the caller's map may change later, what is stored may not.
      setCurrent(state, kind, id, { version, value: structuredClone(value) });
    }
    state.change = number;
    state.linkedChange = number;
    state.linkedDigest = digestOf(link);
    this.#unsaved++;
  }

  /**
   * After a failed write: the database takes no more until it is opened again, and then the failed
   * change may be in it after all. Its caller was told that nothing has changed, so what it says is
   * taken back by newer versions. Until that is done, what is shown is what callers were told.
   */
  async #recover(): Promise<void> {
    let contents: GenerationContents;
    try {
      contents = await this.#generations.reopen();
    } catch (error) {
      if (!isDamagedDatabase(error)) throw error;
      await this.#leave(error);
      return;
    }
    this.#problems.push(...contents.problems);
    const found = copyState(this.#state);
    const takenBack: CatalogChange[] = [];
    for (const { kind, id, version } of contents.versions.values()) {
      const known = currentVersion(this.#state, kind, id);
      if (version <= known.version) continue;
      takenBack.push({ kind, id, value: known.value });
      setCurrent(found, kind, id, { version, value: known.value });
    }
    for (const [number, { digest }] of contents.links) {
      if (number <= found.change) continue;
      found.change = number;
      found.linkedChange = number;
      found.linkedDigest = digest;
    }
    if (takenBack.length > 0) await this.#write(found, takenBack);
    this.#state = found;
    this.#failed = false;
  }

  /** Leaves a database that cannot be opened any more: what is in memory is what it holds. */
  async #leave(error: unknown): Promise<void> {
    // The failed change may be there: with its number left out it never continues the chain.
    this.#state.change++;
    await this.#snapshot(true);
    const why = error instanceof Error ? error.message : String(error);
    const what = `a database could not be opened again (${why}); a new one was begun`;
    this.#problems.push(damage(CATALOG_DIRECTORY, what));
    this.#failed = false;
  }

  async #snapshotIfDue(): Promise<void> {
    if (this.#unsaved < this.#dueAt) return;
    try {
      await this.#snapshot(false);
    } catch (error) {
      // The changes are durable where they are: it is tried again after as many more.
      this.#dueAt = this.#unsaved + this.#snapshotChanges;
      this.#logger.warn({ error }, 'a snapshot of the catalog could not be written');
    }
  }

  async #snapshot(keepAll: boolean): Promise<void> {
    const state = this.#state;
    const isLossy = state.losses.length > 0;
    await this.#generations.advance(state, this.#takenUs(), keepAll || isLossy);
    dropRemoved(state);
    this.#unsaved = 0;
    this.#dueAt = this.#snapshotChanges;
  }

  /** Waits for the changes under way, and takes a snapshot when there was any since the last. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    // What was refused and is there all the same is taken back now, or a later start finds it.
    if (this.#failed) await this.#recover().catch(() => {});
    if (this.#unsaved > 0 && !this.#failed) {
      this.#dueAt = 0;
      await this.#snapshotIfDue();
    }
    await this.#generations.close();
  }
}

const takenUsBy =
  (clock: Clock | undefined): (() => number) =>
  () =>
    clock?.nowUs() ?? 0;
