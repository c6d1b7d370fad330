import { describe, expect, it } from 'vitest';
import type { Storage } from '../storage/storage.js';
import { Chance, type Fault, type FaultPlan } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { makeTempStorage } from '../storage/testing/temp-storage.js';
import { Catalog, type CatalogChange, type CatalogOptions } from './catalog.js';
import {
  changeKey,
  decodeVersion,
  digestOf,
  encodeChange,
  encodeVersion,
  versionKey,
} from './catalog-codec.js';
import { WRITE_BUFFER_BYTES } from './limits.js';
import { sealedCrc } from './sealed-map.js';
import { codeOf, create, placesOf, show } from './testing/catalog-fixture.js';

const OPTIONS: CatalogOptions = { snapshotChanges: 3 };
const CHANGES = 10;

/** What entry `a/x` and its companions are after `n` changes: each change names itself. */
const changesOf = (n: number): readonly CatalogChange[] => [
  { kind: 'a', id: 'x', value: { n } },
  { kind: 'b', id: String(n % 4), value: n % 3 === 0 ? undefined : { n } },
];

const change = (catalog: Catalog, n: number): Promise<void> => catalog.put(changesOf(n));

/** What the catalog must show after the first `n` changes. */
const shownAfter = (n: number): unknown => {
  const b = new Map<string, number>();
  for (let i = 1; i <= n; i++) {
    if (i % 3 === 0) b.delete(String(i % 4));
    else b.set(String(i % 4), i);
  }
  const entries = [...b].sort().map(([id, value]) => [id, { n: value }]);
  return [n === 0 ? [] : [['x', { n }]], entries, []];
};

/** The change that wrote a version. */
const decodeChangeOf = (value: Buffer): number => {
  const version = decodeVersion(value);
  return typeof version === 'string' ? 0 : version.change;
};

const namesOf = (storage: Storage): Promise<readonly string[]> => storage.list('catalog');

const pairs = (...numbers: readonly number[]): readonly string[] => {
  const digits = numbers.map((number) => String(number).padStart(10, '0'));
  return [...digits, ...digits.map((name) => `snapshot-${name}`)];
};

describe('generations of the catalog', () => {
  it('follow one another, and only the last two of each are kept', async () => {
    const { storage, remove } = await makeTempStorage();
    const catalog = await create(storage, OPTIONS);
    for (let n = 1; n <= CHANGES; n++) await change(catalog, n);
    // Three, six and nine changes were each followed by a snapshot.
    await catalog.close();
    expect(await namesOf(storage)).toEqual(pairs(4, 5));
    const again = await Catalog.open(storage, OPTIONS);
    expect(show(again)).toEqual(shownAfter(CHANGES));
    expect(again.problems()).toEqual([]);
    expect(again.change).toBe(CHANGES);
    await again.close();
    // Nothing has changed, so nothing was written.
    expect(await namesOf(storage)).toEqual(pairs(4, 5));
    await remove();
  });

  it('are all kept while something is lost: older ones may have it still', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const catalog = await create(storage, OPTIONS);
    catalog.noteWitness(1);
    for (let n = 1; n <= CHANGES; n++) await change(catalog, n);
    await catalog.close();
    expect(await namesOf(storage)).toEqual(pairs(1, 2, 3, 4, 5));
    const again = await Catalog.open(storage, OPTIONS);
    expect(show(again)).toEqual(shownAfter(CHANGES));
    expect(placesOf(again)).toContain('catalog');
  });

  it('cost an opening what is in them, not what has been', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const catalog = await create(storage, { snapshotChanges: 20 });
    for (let n = 1; n <= 500; n++) await catalog.set('a', String(n % 3), { n });
    let entries = 0;
    for (const name of await namesOf(storage)) {
      if (!name.startsWith('snapshot'))
        entries += storage.tables(`catalog/${name}`).sorted().length;
    }
    // Two generations of twenty changes, a change and a version each, and one end.
    expect(entries).toBeLessThanOrEqual(2 * 20 * 2 + 1);
    expect(storage.keysWrittenTwice).toEqual([]);
  });

  it('take up the one database of an earlier release', async () => {
    const { storage, remove } = await makeTempStorage();
    await makeFlat(storage);
    expect(await storage.list('catalog')).toContain('CURRENT');
    const opened = await Catalog.open(storage, OPTIONS);
    expect(opened.problems()).toEqual([]);
    expect(show(opened)).toEqual(shownAfter(CHANGES));
    expect(await storage.list('')).toEqual(['catalog', 'catalog.old']);
    await opened.set('c', 'new', {});
    await opened.close();
    expect(await storage.list('')).toEqual(['catalog']);
    const again = await Catalog.open(storage);
    expect(again.problems()).toEqual([]);
    expect(again.get('c', 'new')).toEqual({});
    await again.close();
    await remove();
  });

  it('take it up whatever the step at which power is cut', async () => {
    const flat = new MemoryStorage(new Chance(3));
    await makeFlat(flat);
    const whole = flat.copy();
    await (await Catalog.open(whole, OPTIONS)).close();
    expect(whole.steps).toBeGreaterThan(5);
    for (let step = 1; step <= whole.steps; step++) {
      const crashed = flat.copy();
      crashed.plan = (access) => (access.step === step ? { fault: 'crash' } : undefined);
      await codeOf(Catalog.open(crashed, OPTIONS));
      const later = await Catalog.open(crashed.afterCrash(), OPTIONS);
      expect(placesOf(later), `step ${step}`).toEqual([]);
      expect(show(later), `step ${step}`).toEqual(shownAfter(CHANGES));
    }
  });
});

/** A catalog as a release without generations has left it: its folder is the database. */
const makeFlat = async (storage: Storage): Promise<void> => {
  const database = await storage.openDatabase('catalog', {
    create: true,
    writeBufferBytes: WRITE_BUFFER_BYTES,
  });
  const versions = new Map<string, number>();
  let previousDigest: Buffer = Buffer.alloc(0);
  for (let number = 1; number <= CHANGES; number++) {
    const written = changesOf(number).map(({ kind, id, value }) => {
      const version = (versions.get(`${kind} ${id}`) ?? 0) + 1;
      versions.set(`${kind} ${id}`, version);
      const bytes = encodeVersion({ change: number, value });
      return { kind, id, version, crc: sealedCrc(bytes), bytes };
    });
    const puts = written.map(({ kind, id, version, bytes }) => ({
      key: versionKey(kind, id, version),
      value: bytes,
    }));
    const previous = number - 1;
    const link = encodeChange({ number, previous, previousDigest, versions: written });
    await database.write([...puts, { key: changeKey(number), value: link }]);
    previousDigest = digestOf(link);
  }
  await database.close();
  await storage.syncDirectory('catalog');
  await storage.syncDirectory('');
};

/** Makes changes until one is not made. @returns how many were, and how many were tried */
const work = async (storage: MemoryStorage, from: number): Promise<[number, number]> => {
  let done = from;
  try {
    const catalog = await create(storage, OPTIONS);
    for (let n = from + 1; n <= from + CHANGES; n++) {
      await change(catalog, n);
      done = n;
    }
    await catalog.close();
    return [done, done];
  } catch {
    return [done, done + 1];
  }
};

/** Steps of a first run and of a second that follows it. */
const countSteps = async (): Promise<number> => {
  const storage = new MemoryStorage(new Chance(1));
  await work(storage, 0);
  await work(storage, CHANGES);
  return storage.steps;
};

/** @param lie - faults beside the crash: what a correct catalog must not survive unharmed */
const crashAt = async (step: number, seed: number, lie?: FaultPlan): Promise<void> => {
  const name = `step ${step}, seed ${seed}`;
  const storage = new MemoryStorage(new Chance(seed));
  storage.plan = (access) => (access.step === step ? { fault: 'crash' } : lie?.(access));
  let [done, tried] = await work(storage, 0);
  if (done === CHANGES) [done, tried] = await work(storage, CHANGES);
  let later = storage.afterCrash();
  for (let start = 1; start <= 2; start++) {
    const catalog = await create(later, OPTIONS);
    expect(placesOf(catalog), name).toEqual([]);
    const shown = show(catalog);
    const isNewer = JSON.stringify(shown) === JSON.stringify(shownAfter(tried));
    expect(shown, name).toEqual(shownAfter(isNewer ? tried : done));
    done = isNewer ? tried : done;
    await change(catalog, done + 1);
    done = tried = done + 1;
    expect(later.keysWrittenTwice, name).toEqual([]);
    later = later.afterCrash();
  }
};

describe('a catalog on a storage that forgets', { timeout: 120_000 }, () => {
  it('has all that was made, whatever the step at which power is cut', async () => {
    const steps = await countSteps();
    expect(steps).toBeGreaterThan(80);
    for (let step = 1; step <= steps; step++) {
      for (let seed = 0; seed < 6; seed++) await crashAt(step, seed);
    }
  });

  const lies: readonly (readonly [string, FaultPlan])[] = [
    ['its snapshots', ({ kind }) => (kind === 'sync' ? { fault: 'lie' } : undefined)],
    ['its folder', ({ kind }) => (kind === 'sync-directory' ? { fault: 'lie' } : undefined)],
    ['its changes', ({ kind }) => (kind === 'write-database' ? { fault: 'lie' } : undefined)],
  ];
  for (const [what, lie] of lies) {
    it(`is caught by this test when it does not sync ${what}`, async () => {
      const attempt = async (): Promise<void> => {
        const steps = await countSteps();
        for (let step = 1; step <= steps; step++) {
          for (let seed = 0; seed < 6; seed++) await crashAt(step, seed, lie);
        }
      };
      await expect(attempt()).rejects.toThrow();
    });
  }

  it('goes on where it was when the name of a snapshot is in doubt', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const catalog = await create(storage, OPTIONS);
    let renamed = false;
    storage.plan = ({ kind, path }) => {
      const isFailing = renamed && (kind === 'sync-directory' || kind === 'change-directory');
      if (kind === 'change-directory' && path.endsWith('snapshot-0000000002')) renamed = true;
      return isFailing ? { fault: 'error', code: 'EIO' } : undefined;
    };
    for (let n = 1; n <= 5; n++) await change(catalog, n);
    expect(renamed).toBe(true);
    storage.crashed = true;
    const killed = storage.afterKill();
    expect(await killed.list('catalog')).toContain('snapshot-0000000002');
    const broken = killed.copy();
    broken.tables('catalog/0000000001').drop(changeKey(4));
    for (const { key, value } of broken.tables('catalog/0000000001').sorted()) {
      const isOf4 = key.toString('latin1', 0, 1) === 'v' && decodeChangeOf(value) === 4;
      if (isOf4) broken.tables('catalog/0000000001').drop(key);
    }
    const older = await Catalog.open(broken, OPTIONS);
    expect(placesOf(older)).toEqual(['catalog/0000000001 change 5']);
    expect(show(older)).toEqual(shownAfter(3));
    for (let from = 5; from < 20; from++) {
      const again = await Catalog.open(killed, OPTIONS);
      expect(placesOf(again), `after ${from}`).toEqual([]);
      expect(show(again), `after ${from}`).toEqual(shownAfter(from));
      await change(again, from + 1);
      await again.close();
    }
  });

  it('goes on after any one failing access, and says no more than is so', async () => {
    const steps = await countSteps();
    for (let step = 1; step <= steps; step++) {
      for (const code of ['EIO', 'ENOSPC']) await failAt(step, { fault: 'error', code });
    }
  });

  it('goes on after several failing accesses in a row', async () => {
    const steps = await countSteps();
    for (let step = 1; step <= steps; step++) {
      for (let width = 2; width <= 6; width++) {
        await failAt(step, { fault: 'error', code: 'EIO' }, width);
      }
    }
  });
});

/** Opens as often as it takes: what fails is tried again by whoever runs the server. */
const openPatiently = async (storage: MemoryStorage): Promise<Catalog> => {
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      return await create(storage, OPTIONS);
    } catch {}
  }
  throw new Error('it never opens');
};

/** Changes go on after a failure, and what was refused is not there afterwards. */
const failAt = async (step: number, fault: Fault, width = 1): Promise<void> => {
  const name = `step ${step}, ${JSON.stringify(fault)}, ${width}`;
  const storage = new MemoryStorage(new Chance(step));
  storage.plan = (access) =>
    access.step >= step && access.step < step + width ? fault : undefined;
  const model = new Map<string, number>();
  const expected = (): unknown => [[...model].sort().map(([id, n]) => [id, { n }]), ...[[], []]];
  for (let life = 1; life <= 2; life++) {
    const catalog = await openPatiently(storage);
    expect(show(catalog), name).toEqual(expected());
    // The last one is made in the end: what was refused before a crash may be there after it.
    for (let n = 1, made: unknown; n <= CHANGES || made !== 'done'; n++) {
      const id = String(n % 3);
      made = await codeOf(catalog.set('a', id, { n: life * 100 + n }));
      if (made === 'done') model.set(id, life * 100 + n);
      else expect(['STORAGE_FAILED', 'DISK_FULL'], name).toContain(made);
      expect(show(catalog), name).toEqual(expected());
    }
    await catalog.close();
  }
  storage.plan = () => undefined;
  const after = await Catalog.open(storage.afterCrash(), OPTIONS);
  expect(placesOf(after), name).toEqual([]);
  expect(show(after), name).toEqual(expected());
  expect(storage.keysWrittenTwice, name).toEqual([]);
};
