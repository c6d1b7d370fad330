import { type Damage, damage } from '../storage/damage.js';
import type { Database } from '../storage/database.js';
import type { Storage } from '../storage/storage.js';
import { CATALOG_DIRECTORY } from './load-catalog.js';

const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;

const options = (create: boolean) => ({ create, writeBufferBytes: WRITE_BUFFER_BYTES });

/** Makes an empty catalog with durable names; no error when there is one. */
export const createCatalogDatabase = async (storage: Storage): Promise<Database> => {
  const database = await storage.openDatabase(CATALOG_DIRECTORY, options(true));
  await storage.syncDirectory(CATALOG_DIRECTORY);
  await storage.syncDirectory('');
  return database;
};

/** What LevelDB says of files that are damaged or missing, as opposed to unreadable just now. */
const DAMAGED = /Corruption|No such file|does not exist|Invalid argument/;

const isDamaged = (error: unknown): boolean => {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (DAMAGED.test(at.message)) return true;
  }
  return false;
};

/** Opens the catalog that was open before; whatever goes wrong, it stays where it is. */
export const reopenCatalogDatabase = (storage: Storage): Promise<Database> =>
  storage.openDatabase(CATALOG_DIRECTORY, options(false));

const isQuarantine = (name: string): boolean => name.startsWith(`${CATALOG_DIRECTORY}.damaged-`);

/** What lies aside is a problem until somebody has dealt with it. */
const quarantined = async (storage: Storage): Promise<Damage[]> =>
  (await storage.list(''))
    .filter(isQuarantine)
    .map((name) => damage(name, 'a catalog that could not be opened was put aside here'));

const quarantineName = async (storage: Storage): Promise<string> => {
  const names = new Set(await storage.list(''));
  for (let number = 1; ; number++) {
    const name = `${CATALOG_DIRECTORY}.damaged-${number}`;
    if (!names.has(name)) return name;
  }
};

/** A catalog that is open, and what was read of it. */
export interface OpenedCatalog<T> {
  readonly database: Database;
  readonly loaded: T;
  readonly problems: readonly Damage[];
}

/**
 * Opens the catalog that must be there and reads it. One that LevelDB cannot open, or cannot read
 * to its end (it looks at its tables only then), is put aside, never removed, and a new one begun:
 * the server goes on with what the log itself tells.
 * @param load - reads all of it; called once more for the new one
 */
export const openCatalogDatabase = async <T>(
  storage: Storage,
  load: (database: Database) => Promise<T>,
): Promise<OpenedCatalog<T>> => {
  const missing = (await storage.list(CATALOG_DIRECTORY)).length === 0;
  if (missing) {
    return beginAnew(storage, load, 'the catalog is missing; a new one was begun');
  }
  try {
    const database = await reopenCatalogDatabase(storage);
    const loaded = await loadOrClose(database, load);
    return { database, loaded, problems: await quarantined(storage) };
  } catch (error) {
    if (!isDamaged(error)) throw error;
    await storage.rename(CATALOG_DIRECTORY, await quarantineName(storage));
    const why = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return beginAnew(storage, load, `LevelDB cannot read it (${String(why)}); a new one was begun`);
  }
};

/** Nothing may hold the files open when they are put aside. */
const loadOrClose = async <T>(
  database: Database,
  load: (database: Database) => Promise<T>,
): Promise<T> => {
  try {
    return await load(database);
  } catch (error) {
    await database.close();
    throw error;
  }
};

const beginAnew = async <T>(
  storage: Storage,
  load: (database: Database) => Promise<T>,
  what: string,
): Promise<OpenedCatalog<T>> => {
  const problems = [damage(CATALOG_DIRECTORY, what), ...(await quarantined(storage))];
  const database = await createCatalogDatabase(storage);
  return { database, loaded: await load(database), problems };
};
