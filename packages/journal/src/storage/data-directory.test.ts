import { RetraceError, type TimeUs } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { type DataDirectory, openDataDirectory } from './data-directory.js';
import { DATA_DIR_VERSION, encodeFormatFile, FORMAT_FILE } from './format-file.js';
import type { Storage } from './storage.js';
import { Chance } from './testing/faults.js';
import { MemoryStorage } from './testing/memory-storage.js';
import { makeTempStorage } from './testing/temp-storage.js';

const UUID = '3f0c1d52-8a2e-4a8e-9a55-0c1b7b6d9e10';
const clock = { nowUs: () => 1_700_000_000_000_000 as TimeUs };

const open = (storage: Storage, create = true): Promise<DataDirectory> =>
  openDataDirectory({
    storage,
    clock,
    create,
    newUuid: () => UUID,
    prepare: () => storage.makeDirectory('log'),
  });

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'opened',
    (error: unknown) => (error instanceof RetraceError ? error.code : error),
  );

const NEWER = DATA_DIR_VERSION + 1;

describe('a data directory', () => {
  it('is made once and keeps its identity', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const first = await open(storage);
    await first.release();
    const second = await openDataDirectory({
      storage,
      clock,
      create: true,
      newUuid: () => 'other',
      prepare: () => Promise.reject(new Error('prepared twice')),
    });
    expect([first.serverUuid, second.serverUuid]).toEqual([UUID, UUID]);
    expect(second.problems).toEqual([]);
  });

  it('is locked against a second process', async () => {
    const { storage, remove } = await makeTempStorage();
    const first = await open(storage);
    expect(await codeOf(open(storage))).toBe('DATA_DIR_LOCKED');
    await first.release();
    await (await open(storage)).release();
    await remove();
  });

  it('is refused when it is foreign, empty to a reader, or of a newer version', async () => {
    const foreign = new MemoryStorage(new Chance(1));
    await foreign.open('notes.txt', 'create');
    expect(await codeOf(open(foreign))).toBe('DATA_DIR_FORMAT');
    expect(await foreign.list('')).toEqual(['notes.txt']);
    expect(await codeOf(open(new MemoryStorage(new Chance(1)), false))).toBe('DATA_DIR_FORMAT');

    const newer = new MemoryStorage(new Chance(1));
    const file = await newer.open(FORMAT_FILE, 'create');
    await file.writev([encodeFormatFile({ version: NEWER, serverUuid: UUID, createdUs: 1 })], 0);
    expect(await codeOf(open(newer))).toBe('DATA_DIR_FORMAT');
  });

  it('with one flipped bit in its format file opens and says where', async () => {
    const stored = new MemoryStorage(new Chance(1));
    await (await open(stored)).release();
    const size = stored.content(FORMAT_FILE).length;
    for (let at = 0; at < size; at++) {
      const storage = stored.copy();
      storage.content(FORMAT_FILE)[at]! ^= 1 << (at % 8);
      const directory = await open(storage);
      expect(directory.serverUuid).toBe(UUID);
      const inCopy = at < 64 || at >= 512;
      expect(directory.problems.map(({ place }) => place)).toEqual(inCopy ? [FORMAT_FILE] : []);
    }
  });

  it('with both copies damaged is refused by name', async () => {
    const storage = new MemoryStorage(new Chance(1));
    await (await open(storage)).release();
    storage.content(FORMAT_FILE)[3]! ^= 1;
    storage.content(FORMAT_FILE)[530]! ^= 1;
    expect(await codeOf(open(storage))).toBe('DATA_DIR_FORMAT');
  });

  it('can be made whatever the step at which power is cut', async () => {
    for (let step = 1; step < 25; step++) {
      for (let seed = 0; seed < 8; seed++) {
        const storage = new MemoryStorage(new Chance(seed));
        storage.plan = (access) => (access.step === step ? { fault: 'crash' } : undefined);
        const made = await open(storage).catch(() => undefined);
        const after = storage.afterCrash();
        const again = await open(after);
        expect(again.problems).toEqual([]);
        if (made !== undefined) expect(await after.list('')).toContain('log');
      }
    }
  });
});
