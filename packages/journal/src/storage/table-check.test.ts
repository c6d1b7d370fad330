import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database, Entry } from './database.js';
import type { LocalStorage } from './local-storage.js';
import { checkTables, listTables } from './table-check.js';
import { makeTempStorage } from './testing/temp-storage.js';

const OPTIONS = { create: true, writeBufferBytes: 4 * 1024 * 1024 };

const contentOf = async (database: Database): Promise<string> => {
  const entries: Entry[] = [];
  for await (const batch of database.scan({})) entries.push(...batch);
  return entries.map(([key, value]) => `${key.toString('hex')}=${value.toString('hex')}`).join();
};

describe('a database with tables', () => {
  let storage: LocalStorage;
  let remove: () => Promise<void>;
  let directory: string;
  beforeEach(async () => {
    ({ storage, remove } = await makeTempStorage());
    directory = join(storage.name, 'db');
  });
  afterEach(() => remove());

  /** Entries of many sizes, so that there are several blocks; the table's path and its bytes. */
  const makeTable = async (count: number, bytes: number): Promise<[string, Buffer]> => {
    const database = await storage.openDatabase('db', OPTIONS);
    for (let i = 0; i < count; i++) {
      const key = Buffer.from(`key ${String(i).padStart(6, '0')}`);
      await database.write([{ key, value: Buffer.alloc(bytes, i) }]);
    }
    await database.compact();
    await database.close();
    const names = readdirSync(directory).filter((name) => name.endsWith('.ldb'));
    expect(names).toHaveLength(1);
    const path = join(directory, names[0]!);
    return [path, readFileSync(path)];
  };

  const read = async (): Promise<string> => {
    const database = await storage.openDatabase('db', { ...OPTIONS, create: false });
    try {
      return await contentOf(database);
    } finally {
      await database.close();
    }
  };

  const outcome = (): Promise<string> =>
    read().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));

  it.each([
    [1, 10],
    [100, 10],
    [40, 9000],
    [1, 300_000],
  ])('is sound with %d entries of %d bytes', async (count, bytes) => {
    await makeTable(count, bytes);
    const tables = await listTables(directory);
    expect(tables).toHaveLength(1);
    await checkTables(directory, tables);
  });

  it('and one flipped bit is refused, or reads as before', async () => {
    const [path, sound] = await makeTable(40, 4000);
    const expected = await read();
    let refused = 0;
    const tried = fc.oneof(
      fc.integer({ min: 0, max: sound.length * 8 - 1 }),
      // Index blocks and the end, where LevelDB itself checks nothing.
      fc.integer({ min: (sound.length - 400) * 8, max: sound.length * 8 - 1 }),
    );
    await fc.assert(
      fc.asyncProperty(tried, async (bit) => {
        const bytes = Buffer.from(sound);
        bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
        writeFileSync(path, bytes);
        const found = await outcome();
        if (found !== expected) {
          expect(found).toMatch(/^Corruption: \d+\.ldb: /);
          refused++;
        }
      }),
      { numRuns: 200 },
    );
    expect(refused).toBeGreaterThan(150);
  });

  it('is refused when its end is missing', async () => {
    const [path, sound] = await makeTable(40, 4000);
    for (const cut of [1, 30, 48, 500, sound.length - 10, sound.length]) {
      writeFileSync(path, sound);
      truncateSync(path, sound.length - cut);
      expect(await outcome()).toMatch(/^Corruption: \d+\.ldb: /);
    }
  });

  it('is not read further when it was damaged since it was opened', async () => {
    const [path, sound] = await makeTable(40, 4000);
    const database = await storage.openDatabase('db', { ...OPTIONS, create: false });
    const bytes = Buffer.from(sound);
    bytes[70_000] = bytes[70_000]! ^ 1;
    writeFileSync(path, bytes);
    await expect(contentOf(database)).rejects.toThrow(/^Corruption: \d+\.ldb: the block at byte/);
    await database.close();
  });

  it('that is not there at all has no tables', async () => {
    expect(await listTables(join(storage.name, 'nowhere'))).toEqual([]);
  });

  it('is not damaged by tables that LevelDB itself has removed', async () => {
    await makeTable(3, 10);
    await checkTables(directory, ['000001.ldb']);
  });
});
