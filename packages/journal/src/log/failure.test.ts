import { RetraceError } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { type Access, Chance, type Fault } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { firstDamagedByte } from './payload-check.js';
import {
  closeLog,
  describeInput,
  describeRecord,
  describeStored,
  type OpenLog,
  openLog,
  RecordMaker,
} from './testing/log-fixture.js';

const setUp = async () => {
  const chance = new Chance(5);
  const storage = new MemoryStorage(chance);
  const open = await openLog(storage);
  return { storage, open, maker: new RecordMaker(chance) };
};

const failOnce = (matches: (access: Access) => boolean, fault: Fault) => {
  let done = false;
  return (access: Access): Fault | undefined => {
    if (done || !matches(access)) return undefined;
    done = true;
    return fault;
  };
};

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'stored',
    (error: unknown) => (error instanceof RetraceError ? error.code : String(error)),
  );

const PLACES: readonly (readonly [string, (access: Access) => boolean])[] = [
  ['sync of the payload file', ({ kind }) => kind === 'sync'],
  ['write of the payload file', ({ kind }) => kind === 'writev'],
  [
    'write of the entries',
    ({ kind, path }) => kind === 'write-database' && !path.startsWith('catalog'),
  ],
];

const ERRORS = [
  ['EIO', 'STORAGE_FAILED'],
  ['ENOSPC', 'DISK_FULL'],
] as const;

describe('a failing commit', () => {
  for (const [place, matches] of PLACES) {
    for (const [code, expected] of ERRORS) {
      it(`(${place}: ${code}) stores nothing and is final for its segment`, async () => {
        const { storage, open, maker } = await setUp();
        const kept = maker.next(1);
        await open.log.append([kept]);
        storage.plan = failOnce(matches, { fault: 'error', code });
        const failing = open.log.append([maker.next(1)]);
        const behind = open.log.append([maker.next(1)]);
        expect(await codeOf(failing)).toBe(expected);
        expect(await codeOf(behind)).toBe(expected);
        // The back-off: a full disk is not hammered.
        expect(await codeOf(open.log.append([maker.next(1)]))).toBe(expected);
        expect(open.log.lastLsn).toBe(1);
        expect(open.records.length).toBe(1);

        open.timers.run();
        maker.reset(open.records);
        const next = maker.next(1);
        const commit = await open.log.append([next]);
        expect([commit.firstLsn, commit.commit, commit.segment]).toEqual([2, 2, 2]);
        await closeLog(open);
        storage.plan = () => undefined;
        const again = await openLog(storage.afterCrash());
        expect(again.log.problems()).toEqual([]);
        const found = await Promise.all(again.records.map((r) => describeStored(again.log, r)));
        expect(found).toEqual([kept, next].map(describeInput));
        expect(storage.keysWrittenTwice).toEqual([]);
      });
    }
  }

  it('waits longer after each failure, and as at first after a success', async () => {
    const { storage, open, maker } = await setUp();
    storage.plan = ({ kind }) => (kind === 'sync' ? { fault: 'error', code: 'EIO' } : undefined);
    const delays: (number | undefined)[] = [];
    for (let i = 0; i < 8; i++) {
      expect(await codeOf(open.log.append([maker.next()]))).toBe('STORAGE_FAILED');
      delays.push(open.timers.delaysMs[0]);
      open.timers.run();
    }
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    storage.plan = () => undefined;
    maker.reset([]);
    await open.log.append([maker.next()]);
    storage.plan = ({ kind }) => (kind === 'sync' ? { fault: 'error', code: 'EIO' } : undefined);
    await codeOf(open.log.append([maker.next()]));
    expect(open.timers.delaysMs).toEqual([100]);
  });

  it('goes on after a short write', async () => {
    const { storage, open, maker } = await setUp();
    storage.plan = ({ kind }) => (kind === 'writev' ? { fault: 'short', bytes: 100 } : undefined);
    const inputs = Array.from({ length: 7 }, () => maker.next());
    await open.log.append(inputs);
    const found = await Promise.all(open.records.map((r) => describeStored(open.log, r)));
    expect(found).toEqual(inputs.map(describeInput));
    await closeLog(open);
  });

  it('that cannot open a new segment is tried again later', async () => {
    const { storage, open, maker } = await setUp();
    const full: Fault = { fault: 'error', code: 'ENOSPC' };
    storage.plan = ({ kind }) => (kind === 'open-database' ? full : undefined);
    expect(await codeOf(open.log.append([maker.next()]))).toBe('DISK_FULL');
    storage.plan = ({ kind }) => (kind === 'write-database' ? full : undefined);
    open.timers.run();
    expect(await codeOf(open.log.append([maker.next()]))).toBe('DISK_FULL');
    storage.plan = () => undefined;
    open.timers.run();
    maker.reset([]);
    await open.log.append([maker.next()]);
    await closeLog(open);
    const again = await openLog(storage.afterCrash());
    expect(again.log.problems()).toEqual([]);
    expect(again.catalog.problems()).toEqual([]);
    expect(again.log.lastLsn).toBe(1);
  });
});

describe('a change of segments that fails', () => {
  it('leaves the old one for good, however small the next commit is', async () => {
    const { storage, open, maker } = await setUp();
    const small = () => {
      maker.reset(open.records);
      return [maker.next(1)];
    };
    await open.log.append(small());
    // The change is refused and in the catalog all the same: the segment is closed there.
    storage.plan = failOnce(
      ({ kind, path }) => kind === 'write-database' && path.startsWith('catalog'),
      {
        fault: 'error',
        code: 'EIO',
      },
    );
    maker.reset(open.records);
    const large = Array.from({ length: 40 }, () => maker.next(1));
    expect(await codeOf(open.log.append(large))).toBe('STORAGE_FAILED');
    open.timers.run();
    const commit = await open.log.append(small());
    expect([commit.segment, commit.firstLsn]).toEqual([2, 2]);
    const again = await openLog(storage.afterKill());
    expect(again.log.problems()).toEqual([]);
    expect(again.records.map(describeRecord)).toEqual(open.records.map(describeRecord));
  });
});

const ROUNDS = Number(process.env.RETRACE_TEST_ROUNDS ?? 100);

/** Appends while accesses fail at random; after a failure numbers go on behind what is stored. */
const workWithErrors = async (open: OpenLog, chance: Chance, maker: RecordMaker) => {
  for (let round = 0; round < 12; round++) {
    maker.reset(open.records);
    const appends = Array.from({ length: 1 + chance.below(3) }, () =>
      codeOf(open.log.append(Array.from({ length: 1 + chance.below(4) }, () => maker.next()))),
    );
    const codes = await Promise.all(appends);
    for (const code of codes) expect(['stored', 'STORAGE_FAILED', 'DISK_FULL']).toContain(code);
    if (chance.hit(0.7)) open.timers.run();
  }
};

describe('a log whose storage fails at random', { timeout: 120_000 }, () => {
  it('has after a crash what it had stored, and no lsn twice', async () => {
    const base = Math.floor(Math.random() * 1e6);
    for (let round = 0; round < ROUNDS; round++) {
      const seed = base + round;
      const chance = new Chance(seed);
      const storage = new MemoryStorage(chance);
      const open = await openLog(storage);
      storage.plan = ({ kind }) => {
        if (kind === 'read' || !chance.hit(0.06)) return undefined;
        return { fault: 'error', code: chance.hit() ? 'EIO' : 'ENOSPC' };
      };
      await workWithErrors(open, chance, new RecordMaker(chance));
      if (chance.hit()) await closeLog(open);
      const again = await openLog(storage.afterCrash());
      const name = `seed ${seed}`;
      expect(again.log.problems(), name).toEqual([]);
      expect(again.catalog.problems(), name).toEqual([]);
      const stored = open.records.map(describeRecord);
      expect(again.records.slice(0, stored.length).map(describeRecord), name).toEqual(stored);
      for (const [index, record] of again.records.entries()) {
        expect(record.lsn, name).toBe(index + 1);
        const payload = Buffer.alloc(record.payloadBytes);
        if (payload.length === 0) continue;
        await again.log.readPayload(record.segment, record.position, payload);
        expect(firstDamagedByte(record, payload), name).toBe(-1);
      }
      expect(storage.keysWrittenTwice, name).toEqual([]);
    }
  });
});
