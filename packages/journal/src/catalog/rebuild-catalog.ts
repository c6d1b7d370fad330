import { RetraceError } from '@retrace/core';
import type { Damage } from '../storage/damage.js';
import type { Storage } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import { beginGeneration } from './begin-generation.js';
import {
  CATALOG_DIRECTORY,
  FLAT_CATALOG,
  generationPath,
  listCatalog,
  NEW_SNAPSHOT,
  snapshotPath,
} from './catalog-paths.js';
import { entryCount } from './catalog-state.js';
import { loadCatalog } from './load-catalog.js';
import { prepareFolder } from './prepare-folder.js';
import { readCatalog } from './read-catalog.js';

/** Folder for what somebody has put out of use. */
const QUARANTINE = 'quarantine';

/**
 * A rebuilt catalog numbers its changes so much higher: above every change that may be lost, which
 * the log may have seen. No number then ever stands for two changes.
 */
const NUMBERS_LEFT_OUT = 1_000_000;

/** What a rebuild has done. */
export interface CatalogRebuild {
  /** The snapshot that was used; undefined when there was none. */
  readonly snapshot:
    | { readonly place: string; readonly takenUs: number; readonly change: number }
    | undefined;
  /** Changes made again after it. */
  readonly changes: number;
  /** Entries the catalog has now: in all, and by kind. */
  readonly entries: number;
  readonly kinds: Readonly<Record<string, number>>;
  /** The snapshot it begins with now. */
  readonly place: string;
  /** By what something is lost. */
  readonly lost: readonly Damage[];
  /** Damage that cost nothing. */
  readonly problems: readonly Damage[];
  /** The folder with the old files, and what is in it. */
  readonly quarantine: string;
  readonly moved: readonly string[];
}

/**
 * Makes a new catalog out of the newest intact snapshot and the changes after it, as far as they
 * can be read, and puts all older files aside. What was lost until then is said once more, by the
 * result, and not again. After a crash it can be run again.
 * @throws RetraceError CORRUPTION when there is nothing to make it of; STORAGE_FAILED, DISK_FULL
 */
export const rebuildCatalog = async (
  storage: Storage,
  takenUs: number,
): Promise<CatalogRebuild> => {
  try {
    await prepareFolder(storage);
    const loaded = loadCatalog(await readCatalog(storage), true);
    const { state, snapshot, changes, problems, highest } = loaded;
    if (!loaded.isAnythingLeft) throw nothingLeft(storage);
    const lost = state.losses.splice(0);
    state.change += NUMBERS_LEFT_OUT;
    const generation = highest + 1;
    await (await beginGeneration(storage, generation, state, takenUs)).close();
    const { folder, moved } = await putAside(storage, generation);
    const kinds = [...state.kinds].map(([kind, entries]) => {
      return [kind, [...entries.values()].filter(({ value }) => value !== undefined).length];
    });
    return {
      snapshot:
        snapshot === undefined
          ? undefined
          : {
              place: snapshotPath(snapshot.generation),
              takenUs: snapshot.takenUs,
              change: snapshot.change,
            },
      changes,
      entries: entryCount(state),
      kinds: Object.fromEntries(kinds) as Record<string, number>,
      place: snapshotPath(generation),
      lost,
      problems,
      quarantine: folder,
      moved,
    };
  } catch (error) {
    throw storageError(error, 'rebuilding the catalog');
  }
};

const nothingLeft = (storage: Storage): RetraceError =>
  new RetraceError(
    'CORRUPTION',
    `${storage.name}/${CATALOG_DIRECTORY} has neither a snapshot nor a database that can be ` +
      'read: there is nothing to rebuild from. A server started on it begins an empty catalog, ' +
      'and takes groups and volumes from the log; tokens must be made again',
    { details: { place: CATALOG_DIRECTORY } },
  );

/** Moves everything but the new generation. The folder is the caller's from then on. */
const putAside = async (
  storage: Storage,
  kept: number,
): Promise<{ readonly folder: string; readonly moved: readonly string[] }> => {
  const folder = await makeQuarantine(storage);
  const { generations, snapshots, putAside } = await listCatalog(storage);
  const names = await storage.list(CATALOG_DIRECTORY);
  const paths = [
    ...snapshots.filter((number) => number !== kept).map(snapshotPath),
    ...generations.filter((number) => number !== kept).map(generationPath),
    ...names.map((name) => `${CATALOG_DIRECTORY}/${name}`).filter((path) => path === NEW_SNAPSHOT),
    ...putAside,
  ];
  const moved: string[] = [];
  for (const path of paths) {
    const name = path === FLAT_CATALOG ? path : path.slice(path.lastIndexOf('/') + 1);
    await storage.rename(path, `${folder}/${name}`);
    moved.push(path);
  }
  for (const directory of [folder, CATALOG_DIRECTORY, '']) await storage.syncDirectory(directory);
  return { folder, moved };
};

const makeQuarantine = async (storage: Storage): Promise<string> => {
  await storage.makeDirectory(QUARANTINE);
  await storage.syncDirectory('');
  const names = new Set(await storage.list(QUARANTINE));
  let number = 1;
  while (names.has(`catalog-${number}`)) number++;
  const folder = `${QUARANTINE}/catalog-${number}`;
  await storage.makeDirectory(folder);
  await storage.syncDirectory(QUARANTINE);
  return folder;
};
