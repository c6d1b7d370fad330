import { type Clock, RetraceError } from '@retrace/core';
import { type Damage, damage } from './damage.js';
import {
  DATA_DIR_VERSION,
  decodeFormatFile,
  encodeFormatFile,
  FORMAT_FILE,
  FORMAT_FILE_BYTES,
  FORMAT_FILE_NEW,
  type FormatFile,
} from './format-file.js';
import type { Storage, StorageLock } from './storage.js';
import { storageError } from './storage-error.js';
import { readAll, writeAll } from './write-all.js';

const LOCK_FILE = 'lock';

/** What may lie in a directory that is to become a data directory. */
const IGNORED = new Set([LOCK_FILE, FORMAT_FILE_NEW, 'lost+found']);

export interface DataDirectoryOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  /** A new random UUID, for a directory that is new. */
  readonly newUuid: () => string;
  /** Makes what must be there before a new directory counts as one: the catalog, say. */
  readonly prepare: () => Promise<void>;
  /** False: an empty directory is refused, nothing is made (`verify`). */
  readonly create: boolean;
}

/** A data directory that this process has locked. */
export interface DataDirectory {
  readonly serverUuid: string;
  readonly problems: readonly Damage[];
  /** Gives the lock back. */
  release(): Promise<void>;
}

const refuse = (storage: Storage, why: string): RetraceError =>
  new RetraceError('DATA_DIR_FORMAT', `${storage.name}: ${why}`);

/**
 * Locks a data directory and checks that it is one; an empty directory becomes one.
 * @throws RetraceError DATA_DIR_LOCKED, DATA_DIR_FORMAT (foreign, damaged or of a newer version),
 *   STORAGE_FAILED, DISK_FULL
 */
export const openDataDirectory = async (options: DataDirectoryOptions): Promise<DataDirectory> => {
  const { storage } = options;
  let lock: StorageLock | undefined;
  try {
    await storage.makeDirectory('');
    // Before the lock file: nothing is written into a directory that is not ours.
    await refuseForeign(storage);
    lock = await storage.lock(LOCK_FILE);
    if (lock === undefined) {
      throw new RetraceError(
        'DATA_DIR_LOCKED',
        `another process uses ${storage.name}: a running server? Stop it first, or ask it (leave ` +
          'out --data)',
      );
    }
    const { format, problems } = await readOrCreate(options);
    return { serverUuid: format.serverUuid, problems, release: () => lock!.release() };
  } catch (error) {
    await lock?.release();
    throw storageError(error, `opening the data directory ${storage.name}`);
  }
};

const refuseForeign = async (storage: Storage): Promise<void> => {
  const names = await storage.list('');
  if (names.includes(FORMAT_FILE)) return;
  // A crash while the directory was being prepared leaves these, and no format file.
  const prepared = names.every((name) => PREPARED.has(name) || IGNORED.has(name));
  if (prepared && names.includes(FORMAT_FILE_NEW)) return;
  const foreign = names.filter((name) => !IGNORED.has(name));
  if (foreign.length > 0) {
    const why = `holds ${foreign.slice(0, 3).join(', ')} and no format file: not a data directory`;
    throw refuse(storage, why);
  }
};

/** Directories that are made before the format file gets its name. */
const PREPARED = new Set(['catalog', 'log']);

const readOrCreate = async (
  options: DataDirectoryOptions,
): Promise<{ readonly format: FormatFile; readonly problems: readonly Damage[] }> => {
  const { storage, create } = options;
  if ((await storage.size(FORMAT_FILE)) === undefined) {
    if (!create) throw refuse(storage, 'is not a data directory');
    return { format: await createFormat(options), problems: [] };
  }
  const { format, problems } = decodeFormatFile(await readFormatFile(storage));
  if (format === undefined) throw refuse(storage, `${FORMAT_FILE}: ${problems.join('; ')}`);
  if (format.version > DATA_DIR_VERSION) {
    const why = `is of version ${format.version}, this release knows up to ${DATA_DIR_VERSION}`;
    throw refuse(storage, `${why}: use a newer one`);
  }
  return { format, problems: problems.map((what) => damage(FORMAT_FILE, what)) };
};

/** The bytes of the format file, as far as they are there. */
export const readFormatFile = async (storage: Storage): Promise<Buffer> => {
  const size = Math.min((await storage.size(FORMAT_FILE)) ?? 0, FORMAT_FILE_BYTES);
  const bytes = Buffer.alloc(size);
  const file = await storage.open(FORMAT_FILE, 'read');
  try {
    await readAll(file, bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
};

/**
 * The format file comes last and by renaming: where it is, everything else has been made, so what
 * is missing later was lost and is not quietly made anew.
 */
const createFormat = async ({
  storage,
  clock,
  newUuid,
  prepare,
}: DataDirectoryOptions): Promise<FormatFile> => {
  const format: FormatFile = {
    version: DATA_DIR_VERSION,
    serverUuid: newUuid(),
    createdUs: clock.nowUs(),
  };
  await storage.remove(FORMAT_FILE_NEW);
  const file = await storage.open(FORMAT_FILE_NEW, 'create');
  try {
    await writeAll(file, [encodeFormatFile(format)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  // The name marks the directory as ours while it is being prepared.
  await storage.syncDirectory('');
  await prepare();
  await storage.rename(FORMAT_FILE_NEW, FORMAT_FILE);
  await storage.syncDirectory('');
  return format;
};
