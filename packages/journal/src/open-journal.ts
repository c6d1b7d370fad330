import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, RetraceError } from '@retrace/core';
import { createCatalog } from './catalog/begin-generation.js';
import { Catalog } from './catalog/catalog.js';
import { type CatalogRebuild, rebuildCatalog } from './catalog/rebuild-catalog.js';
import { LOG_DIRECTORY } from './log/segment-paths.js';
import { type DataDirectory, openDataDirectory } from './storage/data-directory.js';
import { FORMAT_FILE } from './storage/format-file.js';
import { LocalStorage } from './storage/local-storage.js';
import { type Logger, silentLogger } from './storage/logger.js';
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
export const openDirectory = async (
  path: string,
  clock: Clock,
  logger: Logger = silentLogger,
): Promise<OpenDirectory> => {
  await mkdir(dirname(path), { recursive: true });
  const storage = new LocalStorage(path);
  const directory = await openDataDirectory({
    storage,
    clock,
    newUuid: randomUUID,
    prepare: () => prepare(storage, clock),
    create: true,
  });
  try {
    return { storage, directory, catalog: await Catalog.open(storage, { clock, logger }) };
  } catch (error) {
    await directory.release();
    throw error;
  }
};

/** What must be there before a new directory counts as one. */
const prepare = async (storage: Storage, clock: Clock): Promise<void> => {
  await storage.makeDirectory(LOG_DIRECTORY);
  await createCatalog(storage, clock.nowUs());
};

/**
 * Rebuilds the catalog of a data directory of this machine that no server uses: a new generation
 * from the newest intact snapshot and what follows it; the older files go to `quarantine/`.
 * @throws RetraceError CORRUPTION when nothing is left to rebuild it from, DATA_DIR_LOCKED,
 *   DATA_DIR_FORMAT, STORAGE_FAILED, DISK_FULL
 */
export const rebuildStoppedCatalog = async (
  path: string,
  clock: Clock,
): Promise<CatalogRebuild> => {
  const storage = new LocalStorage(path);
  // Locking makes a folder and a file: not where there is nothing to rebuild.
  if ((await storage.size(FORMAT_FILE)) === undefined) {
    throw new RetraceError('DATA_DIR_FORMAT', `${path} is not a data directory`);
  }
  const directory = await openDataDirectory({
    storage,
    clock,
    newUuid: randomUUID,
    prepare: () => Promise.resolve(),
    create: false,
  });
  try {
    return await rebuildCatalog(storage, clock.nowUs());
  } finally {
    await directory.release();
  }
};
