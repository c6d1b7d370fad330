import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { LocalStorage } from '../storage/local-storage.js';
import { inspect } from './inspect.js';
import type { InspectedPart } from './inspected-part.js';

/**
 * Decodes a file of a data directory, or one of its LevelDB databases, piece by piece. Nothing is
 * changed and a server may be running: a database is read from a copy, for LevelDB rewrites some of
 * its files whenever it opens one.
 * @param isDatabase - the path is a folder with a LevelDB database
 * @throws RetraceError USAGE for what is not there; LevelDB's error
 */
export const inspectPath = async function* (
  path: string,
  isDatabase: boolean,
): AsyncGenerator<InspectedPart> {
  const absolute = resolve(path);
  if (!isDatabase) {
    yield* inspect(new LocalStorage(dirname(absolute)), basename(absolute));
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'retrace-inspect-'));
  try {
    await cp(absolute, join(folder, 'copy'), { recursive: true });
    await rm(join(folder, 'copy', 'LOCK'), { force: true });
    yield* inspect(new LocalStorage(folder), 'copy');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
