import { RetraceError } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import type { Storage } from '../storage/storage.js';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { makeTempStorage } from '../storage/testing/temp-storage.js';
import { Catalog } from './catalog.js';
import { rebuildCatalog } from './rebuild-catalog.js';
import { codeOf, create, placesOf, show } from './testing/catalog-fixture.js';

const OPTIONS = { snapshotChanges: 4 };
const NOW_US = 1_795_344_067_250_000;

/** Two generations: the first with four changes, the second with two. */
const makeStored = async (storage: Storage): Promise<unknown> => {
  const catalog = await create(storage, OPTIONS);
  for (let n = 1; n <= 6; n++) await catalog.set('a', String(n % 3), { n });
  await catalog.set('b', '1', {});
  await catalog.remove('b', '1');
  const shown = show(catalog);
  await catalog.close();
  return shown;
};

const stop = async (storage: Storage): Promise<unknown> => {
  const catalog = await Catalog.open(storage, OPTIONS);
  const shown = show(catalog);
  expect(placesOf(catalog)).toEqual([]);
  await catalog.set('c', 'after', {});
  await catalog.close();
  return shown;
};

describe('rebuilding the catalog', () => {
  it('of one that is well changes nothing, and puts the old files aside', async () => {
    const { storage, remove } = await makeTempStorage();
    const shown = await makeStored(storage);
    const before = await storage.list('catalog');
    const rebuilt = await rebuildCatalog(storage, NOW_US);
    expect(rebuilt).toMatchObject({
      snapshot: { place: 'catalog/snapshot-0000000003', takenUs: 0, change: 8 },
      ...{ changes: 0, entries: 3, kinds: { a: 3 }, lost: [], problems: [] },
      ...{ place: 'catalog/snapshot-0000000004', quarantine: 'quarantine/catalog-1' },
    });
    expect(await storage.list('quarantine/catalog-1')).toEqual(before);
    expect(await storage.list('catalog')).toEqual(['0000000004', 'snapshot-0000000004']);
    expect(await stop(storage)).toEqual(shown);
    expect((await rebuildCatalog(storage, NOW_US)).quarantine).toBe('quarantine/catalog-2');
    await remove();
  });

  it('works from snapshots alone, and says what may be lost', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const shown = await makeStored(storage);
    for (const name of await storage.list('catalog')) {
      if (!name.startsWith('snapshot')) await storage.remove(`catalog/${name}`);
    }
    const rebuilt = await rebuildCatalog(storage, NOW_US);
    expect(rebuilt.snapshot?.place).toBe('catalog/snapshot-0000000003');
    expect(rebuilt.lost.map(({ place }) => place)).toEqual(['catalog/0000000003']);
    expect(await stop(storage)).toEqual(shown);
  });

  it('works from the older snapshot and all changes when the newest is damaged', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const shown = await makeStored(storage);
    storage.content('catalog/snapshot-0000000003')[70]! ^= 1;
    const rebuilt = await rebuildCatalog(storage, NOW_US);
    expect(rebuilt).toMatchObject({
      snapshot: { place: 'catalog/snapshot-0000000002' },
      ...{ changes: 4, lost: [] },
      problems: [{ place: 'catalog/snapshot-0000000003' }],
    });
    expect(await stop(storage)).toEqual(shown);
  });

  it('ends what is told of a loss, and numbers changes above all that the log saw', async () => {
    const storage = new MemoryStorage(new Chance(1));
    await makeStored(storage);
    const catalog = await Catalog.open(storage, OPTIONS);
    catalog.noteWitness(11);
    await catalog.set('a', '0', { n: 12 });
    await catalog.close();
    expect((await Catalog.open(storage.copy())).problems().length).toBeGreaterThan(0);
    const rebuilt = await rebuildCatalog(storage, NOW_US);
    expect(rebuilt.lost.map(({ place }) => place)).toEqual(['catalog']);
    const again = await Catalog.open(storage, OPTIONS);
    expect(again.problems()).toEqual([]);
    again.noteWitness(500);
    expect(again.problems()).toEqual([]);
    expect(again.get('a', '0')).toEqual({ n: 12 });
  });

  it('refuses what leaves nothing to work from, and leaves it as it is', async () => {
    const storage = new MemoryStorage(new Chance(1));
    await makeStored(storage);
    await storage.remove('catalog');
    const failure: unknown = await rebuildCatalog(storage, NOW_US).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RetraceError);
    expect(failure).toMatchObject({ code: 'CORRUPTION', details: { place: 'catalog' } });
    expect(await storage.list('catalog')).toEqual([]);
    const begun = await Catalog.open(storage);
    expect(placesOf(begun)).toEqual(['catalog']);
    await begun.close();
    expect((await rebuildCatalog(storage, NOW_US)).lost.length).toBe(1);
    await stop(storage);
  });

  it('cut off at any step leaves a catalog that opens, and can be run again', async () => {
    const stored = new MemoryStorage(new Chance(1));
    const shown = await makeStored(stored);
    const whole = stored.copy();
    await rebuildCatalog(whole, NOW_US);
    const { steps } = whole;
    expect(steps).toBeGreaterThan(15);
    for (let step = 1; step <= steps; step++) {
      for (const fault of ['crash', 'error'] as const) {
        const storage = stored.copy();
        storage.plan = (access) => {
          if (access.step !== step) return undefined;
          return fault === 'crash' ? { fault } : { fault, code: 'EIO' };
        };
        await codeOf(rebuildCatalog(storage, NOW_US));
        storage.plan = () => undefined;
        const after = fault === 'crash' ? storage.afterCrash() : storage;
        const opened = await Catalog.open(after.copy());
        expect(show(opened), `step ${step} ${fault}`).toEqual(shown);
        const again = await rebuildCatalog(after, NOW_US);
        expect(again.lost, `step ${step} ${fault}`).toEqual([]);
        expect(await stop(after), `step ${step} ${fault}`).toEqual(shown);
      }
    }
  });
});
