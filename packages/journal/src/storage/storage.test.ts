import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from './database.js';
import type { Storage } from './storage.js';
import { Chance } from './testing/faults.js';
import { MemoryStorage } from './testing/memory-storage.js';
import { makeTempStorage } from './testing/temp-storage.js';
import { readAll, writeAll } from './write-all.js';

const IMPLEMENTATIONS: readonly (readonly [
  string,
  () => Promise<{ storage: Storage; remove: () => Promise<void> }>,
])[] = [
  ['local', makeTempStorage],
  ['memory', async () => ({ storage: new MemoryStorage(new Chance(1)), remove: async () => {} })],
];

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

const OPTIONS = { create: true, writeBufferBytes: 1024 * 1024 };
const key = (text: string): Buffer => Buffer.from(text, 'latin1');

for (const [name, make] of IMPLEMENTATIONS) {
  describe(`${name} storage`, () => {
    let storage: Storage;
    let remove: () => Promise<void>;
    beforeEach(async () => {
      ({ storage, remove } = await make());
    });
    afterEach(() => remove());

    it('writes many buffers at a place and reads them back', async () => {
      const file = await storage.open('a', 'create');
      const buffers = Array.from({ length: 2500 }, (_, i) => Buffer.from(`<${i}>`));
      await writeAll(file, buffers, 10);
      await file.sync();
      const expected = Buffer.concat(buffers);
      expect(await storage.size('a')).toBe(10 + expected.length);
      const target = Buffer.alloc(expected.length);
      expect(await readAll(file, target, 10)).toBe(true);
      expect(target.equals(expected)).toBe(true);
      expect(await readAll(file, Buffer.alloc(5), 8 + expected.length)).toBe(false);
      await file.close();
    });

    it('fills a buffer without waiting, or says that it cannot', async () => {
      const file = await storage.open('a', 'create');
      await writeAll(file, [Buffer.from('0123456789')], 0);
      const target = Buffer.alloc(4);
      if (file.readCached(target, 3)) expect(target.toString()).toBe('3456');
      expect(file.readCached(Buffer.alloc(4), 8)).toBe(false);
      await file.close();
    });

    it('tells by code that a file is there already, or not there', async () => {
      await (await storage.open('a', 'create')).close();
      expect(await storage.open('a', 'create').catch(codeOf)).toBe('EEXIST');
      expect(await storage.open('b', 'read').catch(codeOf)).toBe('ENOENT');
      expect(await storage.open('b', 'update').catch(codeOf)).toBe('ENOENT');
      expect(await storage.size('b')).toBeUndefined();
    });

    it('lists, renames and removes', async () => {
      await storage.makeDirectory('d');
      await storage.makeDirectory('d');
      await (await storage.open('d/two', 'create')).close();
      await (await storage.open('d/one', 'create')).close();
      await storage.syncDirectory('d');
      expect(await storage.list('d')).toEqual(['one', 'two']);
      expect(await storage.list('none')).toEqual([]);
      await storage.rename('d/one', 'd/two');
      expect(await storage.list('d')).toEqual(['two']);
      await storage.remove('d');
      await storage.remove('d');
      expect(await storage.list('')).toEqual([]);
    });

    it('keeps a database in the order of its keys', async () => {
      await storage.makeDirectory('dbs');
      const database = await storage.openDatabase('dbs/x', OPTIONS);
      await database.write([
        { key: key('b'), value: Buffer.from('2') },
        { key: key('a'), value: Buffer.from('1') },
      ]);
      await database.write([{ key: key('c'), value: Buffer.alloc(100_000, 3) }]);
      const keys = async (range: Parameters<typeof database.scan>[0]): Promise<string> => {
        const found: Entry[] = [];
        for await (const entries of database.scan(range)) found.push(...entries);
        return found.map(([at]) => at.toString()).join('');
      };
      expect(await keys({})).toBe('abc');
      expect(await keys({ from: key('b') })).toBe('bc');
      expect(await keys({ to: key('b') })).toBe('a');
      expect(await keys({ to: key('c'), reverse: true, limit: 1 })).toBe('b');
      await database.close();
      const again = await storage.openDatabase('dbs/x', { ...OPTIONS, create: false });
      await again.compact();
      expect(await storage.list('dbs/x')).toContain('CURRENT');
      for await (const entries of again.scan({ from: key('c') })) {
        expect(entries[0]![1].equals(Buffer.alloc(100_000, 3))).toBe(true);
      }
      await again.close();
    });

    it('does not make a database that should be there', async () => {
      const missing = storage.openDatabase('none', { ...OPTIONS, create: false });
      await expect(missing).rejects.toThrow();
    });
  });
}

it('local storage: a second lock is refused until the first is released', async () => {
  const { storage, remove } = await makeTempStorage();
  const lock = await storage.lock('lock');
  expect(lock).toBeDefined();
  expect(await storage.lock('lock')).toBeUndefined();
  await lock?.release();
  const again = await storage.lock('lock');
  expect(again).toBeDefined();
  await again?.release();
  await remove();
});
