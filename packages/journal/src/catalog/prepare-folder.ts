import type { Storage } from '../storage/storage.js';
import { CATALOG_DIRECTORY, FLAT_CATALOG, listCatalog } from './catalog-paths.js';

/**
 * Makes the folder of the catalog, where there is none. The one database of an earlier release goes
 * aside and is generation 0 from now on: the first snapshot takes it up.
 */
export const prepareFolder = async (storage: Storage): Promise<void> => {
  const { isFlat, isThere } = await listCatalog(storage);
  if (isThere && !isFlat) return;
  if (isFlat) await storage.rename(CATALOG_DIRECTORY, FLAT_CATALOG);
  await storage.makeDirectory(CATALOG_DIRECTORY);
  await storage.syncDirectory('');
};
