import type { Database } from '../storage/database.js';
import type { Storage } from '../storage/storage.js';
import { CATALOG_DIRECTORY, generationPath, highestNumber, listCatalog } from './catalog-paths.js';
import { type CatalogState, emptyState } from './catalog-state.js';
import { WRITE_BUFFER_BYTES } from './limits.js';
import { encodeSnapshot } from './snapshot-codec.js';
import { publishSnapshot, writeSnapshot } from './snapshot-file.js';

/** Opens a generation's database. @throws what the storage throws, also when there is none */
export const openGeneration = (storage: Storage, generation: number): Promise<Database> =>
  storage.openDatabase(generationPath(generation), {
    create: false,
    writeBufferBytes: WRITE_BUFFER_BYTES,
  });

/**
 * Begins a generation: its snapshot, and an empty database for the changes after it. The snapshot's
 * name comes last, when everything else is durable, so that its being there proves that the
 * generation was there as well.
 * @param generation - above every number there is
 * @returns the database, when all of it is durable
 */
export const beginGeneration = async (
  storage: Storage,
  generation: number,
  state: CatalogState,
  takenUs: number,
): Promise<Database> => {
  const path = generationPath(generation);
  const database = await storage.openDatabase(path, {
    create: true,
    writeBufferBytes: WRITE_BUFFER_BYTES,
  });
  try {
    await storage.syncDirectory(path);
    await writeSnapshot(storage, encodeSnapshot(state, generation, takenUs));
    await storage.syncDirectory(CATALOG_DIRECTORY);
    await publishSnapshot(storage, generation);
    await storage.syncDirectory(CATALOG_DIRECTORY);
    return database;
  } catch (error) {
    await database.close().catch(() => {});
    throw error;
  }
};

/** Makes an empty catalog with durable names; leaves one that is there as it is. */
export const createCatalog = async (storage: Storage, takenUs = 0): Promise<void> => {
  await storage.makeDirectory(CATALOG_DIRECTORY);
  const names = await listCatalog(storage);
  if (names.snapshots.length === 0) {
    const next = highestNumber(names) + 1;
    await (await beginGeneration(storage, next, emptyState(), takenUs)).close();
  }
  await storage.syncDirectory(CATALOG_DIRECTORY);
  await storage.syncDirectory('');
};
