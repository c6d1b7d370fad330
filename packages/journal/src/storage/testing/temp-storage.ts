import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalStorage } from '../local-storage.js';

/** A storage in a new directory of this machine, and how to be rid of it. */
export const makeTempStorage = async (): Promise<{
  readonly storage: LocalStorage;
  readonly remove: () => Promise<void>;
}> => {
  const root = await mkdtemp(join(tmpdir(), 'retrace-journal-'));
  return {
    storage: new LocalStorage(root),
    remove: () => rm(root, { recursive: true, force: true }),
  };
};
