import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '@retrace/core';
import { Catalog } from './catalog/catalog.js';
import { createCatalogDatabase } from './catalog/open-database.js';
import { LOG_DIRECTORY } from './log/segment-paths.js';
import { type DataDirectory, openDataDirectory } from './storage/data-directory.js';
import { LocalStorage } from './storage/local-storage.js';
import type { Storage } from './storage/storage.js';

/** A locked data directory with its catalog open. */
export interface OpenDirectory {
  readonly storage: Storage;
  readonly directory: DataDirectory;
  readonly catalog: Catalog;
}

/**
 * Locks a data directory of this machine and opens its catalog; an empty or missing one is made.
 * @throws RetraceError DATA_DIR_LOCKED, DATA_DIR_FORMAT, STORAGE_FAILED, DISK_FULL
 */
export const openDirectory = async (path: string, clock: Clock): Promise<OpenDirectory> => {
  await mkdir(dirname(path), { recursive: true });
  const storage = new LocalStorage(path);
  const directory = await openDataDirectory({
    storage,
    clock,
    newUuid: randomUUID,
    prepare: () => prepare(storage),
    create: true,
  });
  try {
    return { storage, directory, catalog: await Catalog.open(storage) };
  } catch (error) {
    await directory.release();
    throw error;
  }
};

/** What must be there before a new directory counts as one. */
const prepare = async (storage: Storage): Promise<void> => {
  await storage.makeDirectory(LOG_DIRECTORY);
  const database = await createCatalogDatabase(storage);
  await database.close();
};
