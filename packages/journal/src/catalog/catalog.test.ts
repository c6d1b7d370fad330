import { describe, expect, it } from 'vitest';
import { Chance, type FaultPlan } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { makeTempStorage } from '../storage/testing/temp-storage.js';
import { Catalog } from './catalog.js';
import { codeOf, create, placesOf, show } from './testing/catalog-fixture.js';

const failWrites =
  (at: string): FaultPlan =>
  ({ kind, path }) =>
    kind === 'write-database' && path === at ? { fault: 'error', code: 'EIO' } : undefined;

describe('the catalog', () => {
  it('keeps the newest of each entry over reopening, on a real LevelDB', async () => {
    const { storage, remove } = await makeTempStorage();
    const catalog = await create(storage);
    await catalog.put([
      { kind: 'a', id: '1', value: { n: 1 } },
      { kind: 'b', id: '1', value: { big: 2 ** 52 + 1, text: 'x' } },
    ]);
    await catalog.set('a', '1', { n: 2 });
    await catalog.set('a', '2', { n: 3 });
    await catalog.remove('a', '2');
    await catalog.remove('c', 'never');
    expect(catalog.change).toBe(5);
    const shown = show(catalog);
    expect(shown).toEqual([[['1', { n: 2 }]], [['1', { big: 2 ** 52 + 1, text: 'x' }]], []]);
    await catalog.close();
    expect(await codeOf(catalog.set('a', '1', {}))).toBe('JOURNAL_CLOSED');
    const again = await Catalog.open(storage);
    expect(again.problems()).toEqual([]);
    expect(again.change).toBe(5);
    expect(show(again)).toEqual(shown);
    expect(again.get('a', '1')).toEqual({ n: 2 });
    expect(again.get('a', '2')).toBeUndefined();
    await again.close();
    await remove();
  });

  it('is not changed by what happens to a map later', async () => {
    const catalog = await create(new MemoryStorage(new Chance(1)));
    const value = { list: [1] };
    await catalog.set('a', '1', value);
    value.list.push(2);
    expect(catalog.get('a', '1')).toEqual({ list: [1] });
  });

  it('makes changes that come at once one by one', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const catalog = await create(storage);
    await Promise.all(Array.from({ length: 20 }, (_, n) => catalog.set('a', 'x', { n })));
    expect(catalog.get('a', 'x')).toEqual({ n: 19 });
    expect(catalog.change).toBe(20);
    expect(storage.keysWrittenTwice).toEqual([]);
  });

  it('after a failed change shows and keeps what it was told before', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const chance = new Chance(seed);
      const storage = new MemoryStorage(chance);
      const catalog = await create(storage);
      const model = new Map<string, number>();
      for (let n = 1; n < 15; n++) {
        const fails = chance.hit(0.3);
        storage.plan = ({ kind }) =>
          fails && kind === 'write-database' ? { fault: 'error', code: 'ENOSPC' } : undefined;
        const id = String(chance.below(3));
        const code = await codeOf(catalog.set('a', id, { n }));
        expect(code).toBe(fails ? 'DISK_FULL' : 'done');
        if (!fails) model.set(id, n);
        const shown = catalog.list('a').map(({ id: at, value }) => [at, value.n]);
        expect(new Map(shown as [string, number][])).toEqual(new Map([...model].sort()));
      }
      storage.plan = () => undefined;
      await catalog.set('b', 'end', {});
      const again = await Catalog.open(storage.afterCrash());
      expect(again.problems(), `seed ${seed}`).toEqual([]);
      const kept = again.list('a').map(({ id, value }) => [id, value.n]);
      expect(kept, `seed ${seed}`).toEqual([...model].sort());
      expect(storage.keysWrittenTwice).toEqual([]);
    }
  });

  it('takes a refused change back at the latest when it is closed', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const catalog = await create(storage);
    await catalog.set('a', 'x', { n: 1 });
    storage.plan = failWrites('catalog/0000000001');
    expect(await codeOf(catalog.set('a', 'x', { n: 2 }))).toBe('STORAGE_FAILED');
    storage.plan = () => undefined;
    await catalog.close();
    expect((await Catalog.open(storage.afterCrash())).get('a', 'x')).toEqual({ n: 1 });
  });

  it('leaves a database that cannot be opened again, and what was refused in it', async () => {
    let without = 0;
    for (let seed = 0; seed < 20; seed++) {
      const storage = new MemoryStorage(new Chance(seed));
      const catalog = await create(storage);
      await catalog.set('a', 'x', { n: 1 });
      storage.plan = failWrites('catalog/0000000001');
      expect(await codeOf(catalog.set('a', 'x', { n: 2 }))).toBe('STORAGE_FAILED');
      storage.plan = ({ kind, path }) => {
        if (kind === 'open-database' && path === 'catalog/0000000001') {
          return { fault: 'error', code: 'Corruption' };
        }
        return kind === 'write-database' ? { fault: 'crash' } : undefined;
      };
      expect(await codeOf(catalog.set('a', 'y', { n: 3 }))).toBe('STORAGE_FAILED');
      const again = await Catalog.open(storage.afterCrash());
      expect(again.get('a', 'x')).toEqual({ n: 1 });
      if (again.get('a', 'y') === undefined) without++;
    }
    expect(without).toBeGreaterThan(0);
  });

  it('goes on with changes when a database could not be opened again', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const catalog = await create(storage);
    await catalog.set('a', 'x', { n: 1 });
    storage.plan = failWrites('catalog/0000000001');
    expect(await codeOf(catalog.set('a', 'x', { n: 2 }))).toBe('STORAGE_FAILED');
    storage.plan = ({ kind, path }) =>
      kind === 'open-database' && path === 'catalog/0000000001'
        ? { fault: 'error', code: 'Corruption' }
        : undefined;
    await catalog.set('a', 'y', { n: 3 });
    expect(placesOf(catalog)).toEqual(['catalog']);
    storage.plan = () => undefined;
    const again = await Catalog.open(storage.afterCrash());
    expect(show(again)).toEqual([
      [
        ['x', { n: 1 }],
        ['y', { n: 3 }],
      ],
      ...[[], []],
    ]);
    expect(storage.keysWrittenTwice).toEqual([]);
  });

  it('has every change that was made, or all but the last, after a power cut', async () => {
    for (let step = 1; step < 40; step++) {
      const storage = new MemoryStorage(new Chance(step));
      const catalog = await create(storage);
      const from = storage.steps;
      storage.plan = (access) => (access.step === from + step ? { fault: 'crash' } : undefined);
      let done = 0;
      for (let n = 1; n <= 10; n++) {
        if ((await codeOf(catalog.set('a', 'x', { n }))) === 'done') done = n;
      }
      const again = await Catalog.open(storage.afterCrash());
      expect(again.problems()).toEqual([]);
      const kept = (again.get('a', 'x')?.n as number | undefined) ?? 0;
      expect(kept).toBeGreaterThanOrEqual(done);
      expect(kept).toBeLessThanOrEqual(done + 1);
    }
  });

  it('names changes that are gone from its middle, and from its end with a witness', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const catalog = await create(storage);
    for (let n = 1; n <= 5; n++) await catalog.set('a', String(n), { n });
    const generation = 'catalog/0000000001';
    const keys = storage
      .tables(generation)
      .sorted()
      .map(({ key }) => key);
    const changes = keys.filter((key) => key.length === 9);
    const versionOf = (n: number): Buffer => keys.find((key) => key.includes(`\0${n}\0`))!;

    const middle = storage.copy();
    middle.tables(generation).drop(changes[2]!);
    middle.tables(generation).drop(versionOf(3));
    const broken = await Catalog.open(middle);
    expect(placesOf(broken)).toEqual([`${generation} change 4`]);
    await broken.set('a', '6', {});
    expect(middle.keysWrittenTwice).toEqual([]);

    const end = storage.copy();
    end.tables(generation).drop(changes[4]!);
    end.tables(generation).drop(versionOf(5));
    const shorter = await Catalog.open(end);
    expect(shorter.problems()).toEqual([]);
    shorter.noteWitness(5);
    expect(placesOf(shorter)).toEqual(['catalog']);
    await shorter.set('a', '6', { n: 6 });
    expect(shorter.change).toBe(6);
    await shorter.close();
    // What is lost is told again, however often the files are written anew.
    const later = await Catalog.open(end);
    expect(placesOf(later)).toContain('catalog');
  });

  it('that LevelDB cannot open goes on from its snapshot, and names what may be lost', async () => {
    const { storage, remove } = await makeTempStorage();
    const catalog = await create(storage);
    await catalog.set('a', '1', { n: 1 });
    await catalog.close();
    const second = await Catalog.open(storage);
    await second.set('a', '1', { n: 2 });
    await second.close();
    const file = await storage.open('catalog/0000000003/CURRENT', 'update');
    await file.writev([Buffer.from('MANIFEST-999999\n')], 0);
    await file.close();
    for (let start = 1; start <= 2; start++) {
      const again = await Catalog.open(storage);
      expect(again.get('a', '1')).toEqual({ n: 2 });
      expect(placesOf(again)).toContain('catalog/0000000003');
      await again.close();
    }
    const names = await storage.list('catalog');
    expect(names).toContain('0000000003');
    expect(names.at(-1)).toBe('snapshot-0000000004');
    await remove();
  });

  it('that is gone altogether is begun anew, and that is told until it is rebuilt', async () => {
    const storage = new MemoryStorage(new Chance(1));
    await (await create(storage)).close();
    await storage.remove('catalog');
    const catalog = await Catalog.open(storage);
    expect(placesOf(catalog)).toEqual(['catalog']);
    await catalog.set('a', '1', {});
    await catalog.close();
    const again = await Catalog.open(storage);
    expect(again.get('a', '1')).toEqual({});
    expect(placesOf(again)).toEqual(['catalog']);
  });
});
