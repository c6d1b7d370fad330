import type { Database } from '../storage/database.js';
import type { Storage } from '../storage/storage.js';
import { beginGeneration, openGeneration } from './begin-generation.js';
import { encodeEnd, endKey } from './catalog-codec.js';
import { CATALOG_DIRECTORY, generationPath, listCatalog, snapshotPath } from './catalog-paths.js';
import type { CatalogState } from './catalog-state.js';
import type { LoadedCatalog } from './load-catalog.js';
import { type GenerationContents, readContents } from './read-generation.js';

/** The generation that takes changes, and how it is followed by another. */
export class Generations {
  readonly #storage: Storage;
  #database: Database;
  #current: number;
  /** No number is used again, whatever became of it. */
  #highest: number;

  private constructor(storage: Storage, database: Database, current: number, highest: number) {
    this.#storage = storage;
    this.#database = database;
    this.#current = current;
    this.#highest = highest;
  }

  /** Goes on with the generation a catalog was loaded from, or begins a new one from its state. */
  static async open(
    storage: Storage,
    { home, highest, state }: LoadedCatalog,
    takenUs: number,
  ): Promise<Generations> {
    if (home !== undefined) {
      return new Generations(storage, await openGeneration(storage, home), home, highest);
    }
    const next = highest + 1;
    const database = await beginGeneration(storage, next, state, takenUs);
    return new Generations(storage, database, next, next);
  }

  /** Takes the changes. */
  get database(): Database {
    return this.#database;
  }

  /**
   * Takes a snapshot of `state` and begins the generation after it. Of the older ones the last
   * stays as a reserve.
   * @param keepAll - removes nothing: something is lost, and older files may have it still
   * @throws what the storage throws: the generation is the one it was
   */
  async advance(state: CatalogState, takenUs: number, keepAll: boolean): Promise<void> {
    const next = ++this.#highest;
    const database = await this.#begin(next, state, takenUs);
    const [previous, last] = [this.#database, this.#current];
    this.#database = database;
    this.#current = next;
    // What follows is a service to later starts: without it nothing is wrong.
    const end = encodeEnd({ next, change: state.change });
    await previous.write([{ key: endKey(next), value: end }]).catch(() => {});
    await previous.close().catch(() => {});
    if (!keepAll) await this.#removeAllBut([last, next]).catch(() => {});
  }

  async #begin(next: number, state: CatalogState, takenUs: number): Promise<Database> {
    try {
      return await beginGeneration(this.#storage, next, state, takenUs);
    } catch (error) {
      // Its name may be there or not, now and after a crash. Changes that go on in the generation
      // before it are found in both cases: they continue the chain.
      await this.#storage.remove(snapshotPath(next)).catch(() => {});
      throw error;
    }
  }

  async #removeAllBut(kept: readonly number[]): Promise<void> {
    const storage = this.#storage;
    const { generations, snapshots } = await listCatalog(storage);
    for (const generation of snapshots) {
      if (!kept.includes(generation)) await storage.remove(snapshotPath(generation));
    }
    for (const generation of generations) {
      if (!kept.includes(generation)) await storage.remove(generationPath(generation));
    }
    await storage.syncDirectory(CATALOG_DIRECTORY);
  }

  /**
   * Opens the database again after a failed write, for it takes no more until then.
   * @returns what is in it now
   */
  async reopen(): Promise<GenerationContents> {
    await this.#database.close().catch(() => {});
    this.#database = await openGeneration(this.#storage, this.#current);
    return readContents(this.#database, this.#current);
  }

  async close(): Promise<void> {
    await this.#database.close().catch(() => {});
  }
}
