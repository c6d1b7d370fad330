import { describe, expect, it } from 'vitest';
import { Chance, type FaultPlan } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import type { LogInput, LogRecord } from './log-record.js';
import {
  closeLog,
  describeInput,
  describeStored,
  type OpenLog,
  openLog,
  RecordMaker,
} from './testing/log-fixture.js';

/** What a run did: everything appended, in order, and how many of these were acknowledged. */
interface Run {
  readonly appended: LogInput[];
  acknowledged: number;
}

/** Appends in bursts, lets the idle timer fire now and then, closes. Ends at the first error. */
const work = async (storage: MemoryStorage, chance: Chance, run: Run): Promise<void> => {
  const open = await openLog(storage);
  if (storage.crashed) throw new Error('crashed');
  const maker = new RecordMaker(chance);
  maker.reset(open.records);
  run.appended.splice(open.records.length);
  const appends: Promise<unknown>[] = [];
  for (let burst = 0; burst < 6; burst++) {
    for (let count = chance.below(4); count >= 0; count--) {
      const inputs = Array.from({ length: 1 + chance.below(5) }, () => maker.next());
      run.appended.push(...inputs);
      const upTo = run.appended.length;
      const done = open.log.append(inputs).then(() => {
        run.acknowledged = Math.max(run.acknowledged, upTo);
      });
      appends.push(done.catch(() => {}));
    }
    await Promise.all(appends);
    if (storage.crashed) throw new Error('crashed');
    if (chance.hit()) open.timers.run();
    if (chance.hit(0.2))
      open.log.noteWatermark(run.appended[0]!.groupId, (2e15 + burst) as never, 1 as never);
  }
  await closeLog(open);
  if (storage.crashed) throw new Error('crashed');
};

const describeAll = (open: OpenLog, records: readonly LogRecord[]): Promise<string[]> =>
  Promise.all(records.map((record) => describeStored(open.log, record)));

/** Opens what a crash left: all that was acknowledged is there, and nothing else but a prefix. */
const checkRecovered = async (storage: MemoryStorage, run: Run, seed: string): Promise<OpenLog> => {
  const open = await openLog(storage);
  expect(open.log.problems(), seed).toEqual([]);
  expect(open.catalog.problems(), seed).toEqual([]);
  expect(open.records.length, seed).toBeGreaterThanOrEqual(run.acknowledged);
  expect(
    open.records.map(({ lsn }) => lsn),
    seed,
  ).toEqual(open.records.map((_, i) => i + 1));
  const expected = run.appended.slice(0, open.records.length).map(describeInput);
  expect(await describeAll(open, open.records), seed).toEqual(expected);
  const arrivals = open.records.map(({ arrivalUs }) => arrivalUs);
  expect(arrivals, seed).toEqual([...arrivals].sort((a, b) => a - b));
  expect(storage.keysWrittenTwice, seed).toEqual([]);
  run.acknowledged = open.records.length;
  return open;
};

const crashAt =
  (step: number): FaultPlan =>
  (access) =>
    access.step === step ? { fault: 'crash' } : undefined;

/** Steps of a run that nothing disturbs. */
const countSteps = async (seed: number): Promise<number> => {
  const storage = new MemoryStorage(new Chance(seed));
  await work(storage, new Chance(seed), { appended: [], acknowledged: 0 });
  return storage.steps;
};

/** One run with power cuts: at `step`, and at random ones in what follows. */
const runWithCrashes = async (seed: number, step: number, lie?: FaultPlan): Promise<void> => {
  const name = `seed ${seed}, step ${step}`;
  const chance = new Chance(seed * 1000 + step);
  const run: Run = { appended: [], acknowledged: 0 };
  let storage = new MemoryStorage(chance);
  for (let round = 0; round < 3; round++) {
    const at = round === 0 ? step : 1 + chance.below(60);
    const plan = crashAt(at);
    storage.plan = (access) => plan(access) ?? lie?.(access);
    await work(storage, round === 0 ? new Chance(seed) : chance, run).catch((error: unknown) => {
      if (!storage.crashed) throw error;
    });
    if (chance.hit()) {
      // Only the process dies: what its successor finds in memory, and tells of, must be durable.
      storage = storage.afterKill();
      await checkRecovered(storage, run, name);
    }
    storage = storage.afterCrash();
    await closeLog(await checkRecovered(storage, run, name));
  }
};

const ROUNDS = Number(process.env.RETRACE_TEST_ROUNDS ?? 60);

/** Thousands of small runs: quick alone, slow where everything else runs at once. */
const TIMEOUT_MS = 120_000;

describe('a log on a storage that forgets', { timeout: TIMEOUT_MS }, () => {
  it('keeps what it acknowledged, whatever the step at which power is cut', async () => {
    for (const seed of [1, 2, 3]) {
      const steps = await countSteps(seed);
      expect(steps).toBeGreaterThan(50);
      for (let step = 1; step <= steps; step++) await runWithCrashes(seed, step);
    }
  });

  it('keeps it for random seeds', async () => {
    const seed = Math.floor(Math.random() * 1e6);
    const steps = await countSteps(seed);
    for (let round = 0; round < ROUNDS; round++) {
      await runWithCrashes(seed, 1 + ((round * 7) % steps));
    }
  });

  const lies: readonly (readonly [string, FaultPlan])[] = [
    ['a payload file', ({ kind }) => (kind === 'sync' ? { fault: 'lie' } : undefined)],
    [
      'the entries',
      ({ kind, path }) =>
        kind === 'write-database' && path.includes('entries') ? { fault: 'lie' } : undefined,
    ],
    [
      'the catalog',
      ({ kind, path }) =>
        kind === 'write-database' && path.startsWith('catalog') ? { fault: 'lie' } : undefined,
    ],
    [
      'the directories',
      ({ kind, path }) =>
        kind === 'sync-directory' && path.startsWith('log') ? { fault: 'lie' } : undefined,
    ],
  ];
  for (const [what, lie] of lies) {
    it(`is caught by this test when it does not sync ${what}`, async () => {
      const attempt = async (): Promise<void> => {
        for (const seed of [1, 2, 3]) {
          const steps = await countSteps(seed);
          for (let step = 1; step <= steps; step++) await runWithCrashes(seed, step, lie);
        }
      };
      await expect(attempt()).rejects.toThrow();
    });
  }
});
