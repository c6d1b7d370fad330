import type { Storage } from '../storage/storage.js';
import { readAll, writeAll } from '../storage/write-all.js';
import { NEW_SNAPSHOT, snapshotPath } from './catalog-paths.js';
import { SNAPSHOT_BYTES_MAX } from './limits.js';

/**
 * Writes a snapshot under a name that counts for nothing, and syncs it; `publishSnapshot` gives it
 * its own.
 */
export const writeSnapshot = async (storage: Storage, pieces: Iterable<Buffer>): Promise<void> => {
  await storage.remove(NEW_SNAPSHOT);
  const file = await storage.open(NEW_SNAPSHOT, 'create');
  try {
    let position = 0;
    for (const piece of pieces) {
      await writeAll(file, [piece], position);
      position += piece.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
};

/** Gives the written snapshot its name. The folder is the caller's to sync. */
export const publishSnapshot = (storage: Storage, generation: number): Promise<void> =>
  storage.rename(NEW_SNAPSHOT, snapshotPath(generation));

/**
 * @returns why not, as a text, for a file that is none of ours
 * @throws what the storage throws
 */
export const readSnapshot = async (
  storage: Storage,
  generation: number,
): Promise<Buffer | string> => {
  const path = snapshotPath(generation);
  const size = (await storage.size(path)) ?? 0;
  if (size > SNAPSHOT_BYTES_MAX) return `${size} bytes, more than any snapshot has`;
  const bytes = Buffer.alloc(size);
  const file = await storage.open(path, 'read');
  try {
    return (await readAll(file, bytes, 0)) ? bytes : 'it became shorter';
  } finally {
    await file.close();
  }
};
