import { type Damage, damage } from '../storage/damage.js';
import { rootErrorCode, storageError } from '../storage/storage-error.js';
import { CATALOG_DIRECTORY, generationPath, highestNumber, snapshotPath } from './catalog-paths.js';
import { type CatalogState, copyState, emptyState } from './catalog-state.js';
import { isDamagedDatabase } from './database-damage.js';
import {
  type FoundCatalog,
  type FoundGeneration,
  type FoundSnapshot,
  failureText,
} from './read-catalog.js';
import type { GenerationContents } from './read-generation.js';
import { type Replayed, replay } from './replay.js';
import { type SnapshotHeader, snapshotState } from './snapshot-codec.js';

/** The best state that can be had, and what is wrong with the files it comes from. */
export interface LoadedCatalog {
  readonly state: CatalogState;
  /** Damage by which nothing is lost; what is lost stands in `state.losses`. */
  readonly problems: readonly Damage[];
  /** The generation to go on with; undefined when a new one must begin. */
  readonly home: number | undefined;
  /** The snapshot the state comes from. */
  readonly snapshot: SnapshotHeader | undefined;
  /** Changes made again after it. */
  readonly changes: number;
  /** The highest number any file has. */
  readonly highest: number;
  /** Losses that no snapshot has told of before. */
  readonly newLosses: number;
  /** False when nothing at all could be read. */
  readonly isAnythingLeft: boolean;
}

/** What a state begins with. */
interface Base {
  readonly snapshot: FoundSnapshot | undefined;
  readonly header: SnapshotHeader | undefined;
  readonly state: CatalogState;
  readonly generation: number;
}

/** Puts the parts of a catalog together, and checks each against the others. */
class Loader {
  readonly #found: FoundCatalog;
  readonly #contents: readonly GenerationContents[];
  readonly #base: Base;
  readonly #state: CatalogState;
  readonly #problems: Damage[] = [];
  /** Losses that were known when the snapshot was taken. */
  readonly #known: number;
  /** Something is wrong with what would be gone on with. */
  #isUnsound = false;

  constructor(found: FoundCatalog) {
    this.#found = found;
    this.#contents = found.generations.flatMap(({ contents }) => contents ?? []);
    this.#base = this.#findBase();
    // The base's own state is needed again, to compare the reserve with it.
    this.#state = copyState(this.#base.state);
    this.#known = this.#state.losses.length;
  }

  run(): LoadedCatalog {
    const { names } = this.#found;
    this.#checkSnapshots();
    this.#checkGenerations();
    const replayed = this.#replay();
    this.#checkReserve();
    for (const path of names.putAside) {
      const what = 'a catalog that could not be opened was put aside here';
      this.#problems.push(damage(path, what));
    }
    const { snapshot, header, generation } = this.#base;
    const last = replayed.lastGeneration ?? generation;
    const isSound = snapshot?.intact !== undefined && last === generation && !this.#isUnsound;
    const newLosses = this.#state.losses.length - this.#known;
    // A number left out: what may be left of lost changes can then never continue the chain.
    if (newLosses > 0) this.#state.change++;
    return {
      state: this.#state,
      problems: this.#problems,
      home: isSound ? generation : undefined,
      snapshot: header,
      changes: replayed.changes,
      highest: highestNumber(names),
      newLosses,
      isAnythingLeft: header !== undefined || replayed.changes > 0,
    };
  }

  #harm(generation: number, place: string, why: string): void {
    this.#problems.push(damage(place, why));
    if (generation >= this.#base.generation) this.#isUnsound = true;
  }

  #lose(place: string, why: string): void {
    this.#state.losses.push(damage(place, why));
    this.#isUnsound = true;
  }

  /** The newest intact snapshot; without one, whichever has more: its rest, or all changes. */
  #findBase(): Base {
    const { snapshots } = this.#found;
    const intact = snapshots.findLast((found) => found.intact !== undefined);
    const isComplete = this.#contents[0]?.changes.has(1) === true;
    const rest = isComplete
      ? undefined
      : snapshots.findLast(({ decoded }) => decoded?.header !== undefined);
    const snapshot = intact ?? rest;
    const header = snapshot?.decoded?.header;
    if (snapshot?.decoded === undefined || header === undefined) {
      return { snapshot: undefined, header: undefined, state: emptyState(), generation: 0 };
    }
    const state = snapshotState(header, snapshot.decoded);
    return { snapshot, header, state, generation: snapshot.generation };
  }

  #checkSnapshots(): void {
    const { names, snapshots, generations } = this.#found;
    const { snapshot: base, header } = this.#base;
    for (const found of snapshots) {
      if (found.why === undefined) continue;
      this.#harm(found.generation, snapshotPath(found.generation), found.why);
    }
    if (base !== undefined && base.intact === undefined && base.decoded !== undefined) {
      const lost = (header?.entries ?? 0) - base.decoded.entries.length;
      const what = `no snapshot is intact; of this one ${lost} entries are lost`;
      this.#lose(snapshotPath(base.generation), what);
    }
    const needing = [
      ...generations.filter(({ contents }) => (contents?.changes.size ?? 0) > 0),
      ...this.#followers().map((generation) => ({ generation })),
    ];
    for (const generation of new Set(needing.map((one) => one.generation))) {
      if (generation === 0 || names.snapshots.includes(generation)) continue;
      this.#harm(generation, snapshotPath(generation), 'the snapshot is missing');
    }
    if (names.snapshots.length + names.generations.length === 0) {
      this.#lose(CATALOG_DIRECTORY, 'the catalog is missing; a new one was begun');
    }
  }

  /** Generations that the ones before them say have begun. */
  #followers(): readonly number[] {
    return this.#contents.flatMap(({ next }) => next ?? []);
  }

  #checkGenerations(): void {
    const { names, snapshots, generations } = this.#found;
    for (const { problems, generation } of this.#contents) {
      for (const { place, message } of problems) this.#harm(generation, place, message);
    }
    const expected = new Set([...snapshots.map((one) => one.generation), ...this.#followers()]);
    for (const found of generations) {
      if (found.contents === undefined) this.#checkUnread(found, expected);
    }
    for (const generation of expected) {
      if (names.generations.includes(generation)) continue;
      this.#reportUnread(generation, 'the database is missing');
    }
  }

  #checkUnread(found: FoundGeneration, expected: ReadonlySet<number>): void {
    const { generation } = found;
    const hasSnapshots = this.#found.names.snapshots.length > 0;
    // One that a crash left before it had a snapshot holds nothing.
    if (hasSnapshots && generation > 0 && !expected.has(generation)) return;
    this.#reportUnread(generation, `the database cannot be read: ${failureText(found)}`);
  }

  #reportUnread(generation: number, why: string): void {
    const path = generationPath(generation);
    if (generation < this.#base.generation) this.#harm(generation, path, why);
    else this.#lose(path, `${why}; its changes are lost, if it had any`);
  }

  #replay(): Replayed {
    return replay(this.#state, {
      generations: this.#contents,
      fromGeneration: this.#base.generation,
      report: (generation, what, why) => {
        this.#lose(`${generationPath(generation)} ${what}`, why);
      },
    });
  }

  /** The snapshot before, with the changes after it, must come to where the newest one is. */
  #checkReserve(): void {
    const { snapshot: base, header: end } = this.#base;
    const reserve = this.#found.snapshots.findLast(
      ({ intact, generation }) => intact !== undefined && generation < (base?.generation ?? 0),
    );
    if (reserve?.intact === undefined || end === undefined) return;
    const { generation } = reserve;
    const state = snapshotState(reserve.intact.header, { entries: [], losses: [] });
    const generations = this.#contents.filter((one) => one.generation < this.#base.generation);
    replay(state, {
      generations,
      fromGeneration: generation,
      toChange: end.change,
      report: (at, what, why) => this.#harm(at, `${generationPath(at)} ${what}`, why),
    });
    const isSame = state.linkedDigest.equals(end.linkedDigest);
    if (isSame && state.linkedChange === end.linkedChange) return;
    const what = `its changes end with ${state.linkedChange}, not with ${end.linkedChange}`;
    this.#harm(generation, generationPath(generation), what);
  }
}

/** An error that came in the way of reading, and says nothing of the stored bytes. */
const isUnreadable = (failure: unknown): boolean =>
  failure !== undefined && rootErrorCode(failure) !== 'ENOENT' && !isDamagedDatabase(failure);

/**
 * Makes the newest state out of what was found of a catalog: the newest intact snapshot and every
 * change after it. Whatever is damaged or missing is named, and where something may be lost by it,
 * that is among the losses.
 * @param isTolerant - also takes for lost what could not be read just now
 * @throws RetraceError STORAGE_FAILED when something would be lost by what may be readable later
 */
export const loadCatalog = (found: FoundCatalog, isTolerant = false): LoadedCatalog => {
  const loaded = new Loader(found).run();
  if (isTolerant || loaded.newLosses === 0) return loaded;
  const failures = [...found.snapshots, ...found.generations].map(({ failure }) => failure);
  const unreadable = failures.find(isUnreadable);
  if (unreadable !== undefined) throw storageError(unreadable, 'reading the catalog');
  return loaded;
};
