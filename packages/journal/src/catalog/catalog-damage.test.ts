import { beforeAll, describe, expect, it } from 'vitest';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { Catalog } from './catalog.js';
import { changeKey, versionKey } from './catalog-codec.js';
import { create, placesOf, show } from './testing/catalog-fixture.js';

/** A stored catalog, what it shows, and every value an entry ever had. */
interface Stored {
  readonly storage: MemoryStorage;
  readonly shown: string;
  readonly everHad: ReadonlySet<string>;
}

const OPTIONS = { snapshotChanges: 4 };
/** A snapshot after each four, and two changes after the last of them. */
const CHANGES = 14;

const makeStored = async (isClosed: boolean): Promise<Stored> => {
  const storage = new MemoryStorage(new Chance(5));
  const catalog = await create(storage, OPTIONS);
  const everHad = new Set<string>();
  for (let n = 1; n <= CHANGES; n++) {
    const id = String(n % 5);
    const value = n % 6 === 0 ? undefined : { n, text: `value ${n}` };
    await catalog.put([
      { kind: 'a', id, value },
      { kind: 'b', id: 'newest', value: { n } },
    ]);
    everHad.add(JSON.stringify(['a', id, value])).add(JSON.stringify(['b', 'newest', { n }]));
  }
  if (isClosed) await catalog.close();
  else await Promise.resolve();
  return { storage: storage.copy(), shown: JSON.stringify(show(catalog)), everHad };
};

/** Places that hold anything, as (name, bytes of a copy). */
const placesIn = async (storage: MemoryStorage): Promise<readonly string[]> =>
  (await storage.list('catalog')).map((name) => `catalog/${name}`);

const isSnapshot = (path: string): boolean => path.includes('snapshot-');

const flip = (bytes: Buffer, at: number): void => {
  bytes[at] = bytes[at]! ^ (1 << (at % 8));
};

const showsOnlyTruth = (catalog: Catalog, { everHad }: Stored, name: string): void => {
  for (const kind of ['a', 'b', 'c']) {
    for (const { id, value } of catalog.list(kind)) {
      expect(everHad.has(JSON.stringify([kind, id, value])), `${name}: ${kind} ${id}`).toBe(true);
    }
  }
};

/**
 * Opens it twice: what is shown is the newest state, or something is named both times; and no
 * entry ever has a value that it never had.
 * @returns what was named at the first opening, and whether it showed the newest state
 */
const open = async (storage: MemoryStorage, stored: Stored, name: string) => {
  const first = await Catalog.open(storage, OPTIONS);
  showsOnlyTruth(first, stored, name);
  const places = placesOf(first);
  const shown = JSON.stringify(show(first));
  const isNewest = shown === stored.shown;
  if (!isNewest) expect(places.length, `${name}: older, and nothing is said`).toBeGreaterThan(0);
  await first.set('c', 'after', {});
  await first.remove('c', 'after');
  await first.close();
  const second = await Catalog.open(storage.afterCrash(), OPTIONS);
  expect(JSON.stringify(show(second)), name).toBe(shown);
  if (!isNewest) expect(placesOf(second).length, `${name}: again`).toBeGreaterThan(0);
  expect(storage.keysWrittenTwice, name).toEqual([]);
  return { places, isNewest };
};

for (const isClosed of [true, false]) {
  describe(`a catalog after ${isClosed ? 'a clean stop' : 'a kill'}`, { timeout: 120_000 }, () => {
    let stored: Stored;
    let paths: readonly string[];

    beforeAll(async () => {
      stored = await makeStored(isClosed);
      paths = await placesIn(stored.storage);
    });

    it('is well when nothing is damaged', async () => {
      expect(await open(stored.storage.copy(), stored, 'whole')).toEqual({
        places: [],
        isNewest: true,
      });
      expect(paths.filter(isSnapshot).length).toBe(2);
      expect(paths.length).toBe(4);
    });

    it('loses nothing by one flipped bit in any byte of a snapshot, and names it', async () => {
      for (const path of paths.filter(isSnapshot)) {
        for (let at = 0; at < stored.storage.content(path).length; at++) {
          const storage = stored.storage.copy();
          flip(storage.content(path), at);
          const { places, isNewest } = await open(storage, stored, `${path} byte ${at}`);
          expect(places, `${path} byte ${at}`).toEqual([path]);
          expect(isNewest, `${path} byte ${at}`).toBe(true);
        }
      }
    });

    it('loses nothing by a snapshot that is cut off, empty, or gone', async () => {
      for (const path of paths.filter(isSnapshot)) {
        const { length } = stored.storage.content(path);
        for (let left = 0; left < length; left += left < 140 ? 1 : 7) {
          const storage = stored.storage.copy();
          storage.truncate(path, left);
          const { places, isNewest } = await open(storage, stored, `${path} cut to ${left}`);
          expect(places).toEqual([path]);
          expect(isNewest).toBe(true);
        }
        const storage = stored.storage.copy();
        await storage.remove(path);
        const { places, isNewest } = await open(storage, stored, `${path} gone`);
        expect(places).toEqual([path]);
        expect(isNewest).toBe(true);
      }
    });

    it('names one flipped bit in any byte of a generation', async () => {
      for (const path of paths.filter((name) => !isSnapshot(name))) {
        for (const [index, { key, value }] of stored.storage.tables(path).sorted().entries()) {
          for (let at = 0; at < key.length + value.length; at++) {
            const storage = stored.storage.copy();
            const put = storage.tables(path).sorted()[index]!;
            flip(at < key.length ? put.key : put.value, at < key.length ? at : at - key.length);
            const name = `${path} entry ${index} byte ${at}`;
            const { places } = await open(storage, stored, name);
            expect(
              places.some((place) => place.startsWith(path)),
              name,
            ).toBe(true);
          }
        }
      }
    });

    it('names what LevelDB has dropped, but for the very end', async () => {
      for (const path of paths.filter((name) => !isSnapshot(name))) {
        const sorted = stored.storage.tables(path).sorted();
        for (const { key } of sorted) {
          const storage = stored.storage.copy();
          storage.tables(path).drop(key);
          const name = `${path} without ${key.toString('latin1')}`;
          const { places } = await open(storage, stored, name);
          const isEnd = key.toString('latin1', 0, 1) === 'e';
          if (!isEnd) expect(places.length, name).toBeGreaterThan(0);
        }
      }
    });

    it('names a generation that is gone or cannot be opened', async () => {
      const newest = paths.filter((name) => !isSnapshot(name)).at(-1)!;
      for (const path of paths.filter((name) => !isSnapshot(name))) {
        for (const how of ['gone', 'no database']) {
          const storage = stored.storage.copy();
          await storage.remove(path);
          if (how === 'no database') await storage.makeDirectory(path);
          const { places, isNewest } = await open(storage, stored, `${path} ${how}`);
          expect(places).toContain(path);
          expect(isNewest).toBe(path !== newest || isClosed);
        }
      }
    });

    it('never takes an older state for the newest: the last pair gone is named', async () => {
      const storage = stored.storage.copy();
      const [generation, snapshot] = [paths[1]!, paths[3]!];
      await storage.remove(generation);
      await storage.remove(snapshot);
      const { places } = await open(storage, stored, 'both gone');
      expect(places).toEqual(expect.arrayContaining([generation, snapshot]));
    });

    it('uses what is left of a damaged snapshot when it has nothing else', async () => {
      const storage = stored.storage.copy();
      for (const path of paths.filter((name) => name !== paths[3])) await storage.remove(path);
      const { length } = storage.content(paths[3]!);
      flip(storage.content(paths[3]!), length - 40);
      const { places, isNewest } = await open(storage, stored, 'its rest');
      expect(isNewest).toBe(false);
      expect(places).toContain(paths[3]);
      const again = await Catalog.open(storage.afterCrash(), OPTIONS);
      expect(again.list('a').length).toBeGreaterThan(0);
    });
  });
}

/** A generation comes back that could not be had for a while, with changes nobody counts on now. */
const loseForAWhile = async (changesMeanwhile: number): Promise<Catalog> => {
  const { storage } = await makeStored(false);
  const [lost = ''] = (await placesIn(storage)).filter((path) => !isSnapshot(path)).slice(-1);
  await storage.rename(lost, 'elsewhere');
  const meanwhile = await Catalog.open(storage, OPTIONS);
  expect(placesOf(meanwhile)).toContain(lost);
  for (let n = 1; n <= changesMeanwhile; n++) await meanwhile.set('c', 'meanwhile', { n });
  const shown = show(meanwhile);
  const later = storage.copy();
  await later.rename('elsewhere', lost);
  const again = await Catalog.open(later, OPTIONS);
  expect(show(again)).toEqual(shown);
  return again;
};

describe('a catalog whose parts do not belong together', () => {
  it('does not take up lost changes again that it has gone on without', async () => {
    for (const changes of [0, 1, 2]) {
      expect(placesOf(await loseForAWhile(changes)).length).toBeGreaterThan(0);
    }
  });

  it('names a change of another history, however intact it is', async () => {
    const make = async (n5: number): Promise<MemoryStorage> => {
      const storage = new MemoryStorage(new Chance(1));
      const catalog = await create(storage, OPTIONS);
      for (let n = 1; n <= 6; n++) await catalog.set('a', String(n), { n: n === 5 ? n5 : n });
      return storage;
    };
    const [mine, other] = [await make(5), await make(500)];
    const path = 'catalog/0000000002';
    const ofChange5 = (storage: MemoryStorage) =>
      storage
        .tables(path)
        .sorted()
        .filter(({ key }) => key.equals(changeKey(5)) || key.equals(versionKey('a', '5', 1)));
    const foreign = ofChange5(other);
    expect(foreign.length).toBe(2);
    for (const { key } of ofChange5(mine)) mine.tables(path).drop(key);
    mine.tables(path).add(foreign, true);
    expect(placesOf(await Catalog.open(mine.copy(), OPTIONS))).toEqual([`${path} change 6`]);

    // The version alone: the change that wrote it knows better.
    const mixed = await make(5);
    const key = versionKey('a', '5', 1);
    mixed.tables(path).drop(key);
    mixed.tables(path).add(
      foreign.filter((put) => put.key.equals(key)),
      true,
    );
    const opened = await Catalog.open(mixed.copy(), OPTIONS);
    expect(placesOf(opened)).toEqual([`${path} change 5`]);
    expect(opened.get('a', '5')).toBeUndefined();
  });
});

describe('a catalog of which much is damaged', () => {
  it('never shows what was never there, and never says nothing', async () => {
    const stored = await makeStored(false);
    const paths = await placesIn(stored.storage);
    const base = Math.floor(Math.random() * 1e6);
    for (let seed = base; seed < base + 300; seed++) {
      const chance = new Chance(seed);
      const storage = stored.storage.copy();
      for (let i = 0; i < 1 + chance.below(4); i++) {
        const path = paths[chance.below(paths.length)]!;
        if (isSnapshot(path)) {
          const bytes = storage.content(path);
          flip(bytes, chance.below(bytes.length));
        } else {
          const puts = storage.tables(path).sorted();
          const { value } = puts[chance.below(puts.length)]!;
          flip(value, chance.below(value.length));
        }
      }
      await open(storage, stored, `seed ${seed}`);
    }
  });
});
