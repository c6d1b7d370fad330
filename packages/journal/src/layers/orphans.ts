import { RetraceError } from '@retrace/core';
import { LayerCaches } from '../layer/layer-caches.js';
import { LayerFile } from '../layer/layer-file.js';
import type { Logger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import { LAYER_DIRECTORY, parseLayerFileName } from './layer-paths.js';

/** Where files go that nothing needs and that may still be wanted by somebody. */
export const QUARANTINE_DIRECTORY = 'quarantine';

/**
 * Clears away the files of layers that the catalog does not know. Half a layer, which a crash left,
 * is removed: what it was made from is still in the log. A whole one is put into quarantine: the
 * catalog may have lost it. To be called only when what remains covers every record.
 * @param known - numbers of the layers that count
 * @throws the storage's error
 */
export const clearOrphans = async (
  storage: Storage,
  known: ReadonlySet<number>,
  logger: Logger,
): Promise<void> => {
  let isChanged = false;
  for (const name of await storage.list(LAYER_DIRECTORY)) {
    const layer = parseLayerFileName(name);
    if (layer === undefined || known.has(layer)) continue;
    const path = `${LAYER_DIRECTORY}/${name}`;
    if (await isWhole(storage, path, layer)) {
      await storage.makeDirectory(QUARANTINE_DIRECTORY);
      await storage.syncDirectory('');
      await storage.rename(path, `${QUARANTINE_DIRECTORY}/${name}`);
      await storage.syncDirectory(QUARANTINE_DIRECTORY);
      logger.warn({ layer }, 'a layer that the catalog does not know went to quarantine');
    } else {
      await storage.remove(path);
      logger.info({ layer }, 'removed a layer that was being made when the server ended');
    }
    isChanged = true;
  }
  if (isChanged) await storage.syncDirectory(LAYER_DIRECTORY);
};

const isWhole = async (storage: Storage, path: string, layer: number): Promise<boolean> => {
  const caches = new LayerCaches({ pageBytesMax: 0, chunkBytesMax: 0, blockBytesMax: 0 });
  try {
    const file = await LayerFile.open({ storage, path, layer, caches });
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof RetraceError && error.code === 'CORRUPTION') return false;
    throw error;
  }
};
