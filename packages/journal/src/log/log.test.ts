import type { RetraceError, TimeUs } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { makeTempStorage } from '../storage/testing/temp-storage.js';
import { entriesDirectory, payloadPath } from './segment-paths.js';
import {
  closeLog,
  collect,
  describeInput,
  describeRecord,
  describeStored,
  type OpenLog,
  openLog,
  RecordMaker,
} from './testing/log-fixture.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const setUp = async (limits = {}) => {
  const chance = new Chance(21);
  const storage = new MemoryStorage(chance);
  return { storage, open: await openLog(storage, limits), maker: new RecordMaker(chance) };
};

const fill = async (open: OpenLog, maker: RecordMaker, appends: number): Promise<void> => {
  for (let i = 0; i < appends; i++) await open.log.append([maker.next(), maker.next()]);
};

describe('the log', () => {
  it('keeps everything over reopening, on a real LevelDB', async () => {
    const { storage, remove } = await makeTempStorage();
    const maker = new RecordMaker(new Chance(3));
    const inputs = Array.from({ length: 200 }, () => maker.next());
    const first = await openLog(storage);
    for (let at = 0; at < inputs.length; at += 5) await first.log.append(inputs.slice(at, at + 5));
    await closeLog(first);
    const segments = first.log.segments();
    expect(segments.length).toBeGreaterThan(3);
    const again = await openLog(storage);
    expect(again.log.problems()).toEqual([]);
    expect(again.log.segments()).toEqual(segments);
    const described = await Promise.all(again.records.map((r) => describeStored(again.log, r)));
    expect(described).toEqual(inputs.map(describeInput));
    expect((await collect(again.log.scan(1, 200))).map(describeRecord)).toEqual(
      first.records.map(describeRecord),
    );
    // The unused segment that was opened ahead is gone again.
    const directories = await storage.list('log');
    expect(directories.length).toBe(segments.length);
    await closeLog(again);
    await remove();
  });

  it('makes one commit of what comes while another runs', async () => {
    const { open, maker } = await setUp();
    const first = open.log.append([maker.next()]);
    await settled();
    const more = [open.log.append([maker.next()]), open.log.append([maker.next(), maker.next()])];
    const [one, two, three] = await Promise.all([first, ...more]);
    expect(two).toBe(three);
    expect([one!.count, two!.count]).toEqual([1, 3]);
    expect([two!.firstLsn, two!.commit, two!.provenLsn]).toEqual([2, 2, 1]);
    expect(open.log.stats.commits).toBe(2);
  });

  it('takes no more into a commit than its limits, but one append always', async () => {
    const { open, maker } = await setUp({ commitRecordsMax: 4 });
    const counts = [3, 3, 9, 1].map((count) =>
      open.log.append(Array.from({ length: count }, () => maker.next())),
    );
    expect((await Promise.all(counts)).map(({ count }) => count)).toEqual([3, 3, 9, 1]);
  });

  it('tells of records before the appends resolve, chunk by chunk', async () => {
    const { open, maker } = await setUp({ chunkRecordsMax: 2 });
    const told: number[] = [];
    const append = open.log.append(Array.from({ length: 5 }, () => maker.next()));
    void append.then(() => told.push(open.records.length));
    await append;
    await settled();
    expect(told).toEqual([5]);
    expect(open.records.map(({ lsn }) => lsn)).toEqual([1, 2, 3, 4, 5]);
  });

  it('reads one record, a range, and nothing where there is none', async () => {
    const { open, maker } = await setUp({ segmentRecordsMax: 7, chunkRecordsMax: 3 });
    await fill(open, maker, 12);
    const all = open.records.map(describeRecord);
    for (let lsn = 1; lsn <= 24; lsn++) {
      expect(describeRecord((await open.log.readRecord(lsn))!)).toBe(all[lsn - 1]);
    }
    expect(await open.log.readRecord(0)).toBeUndefined();
    expect(await open.log.readRecord(25)).toBeUndefined();
    expect((await collect(open.log.scan(5, 17))).map(describeRecord)).toEqual(all.slice(4, 17));
    expect((await collect(open.log.scan(20, 99))).map(describeRecord)).toEqual(all.slice(19));
    expect(await collect(open.log.scan(9, 8))).toEqual([]);
  });

  it('names a record that is lost, and goes on when asked to', async () => {
    const { storage, open, maker } = await setUp({ chunkRecordsMax: 1 });
    await fill(open, maker, 4);
    await closeLog(open);
    const position = storage
      .tables(entriesDirectory(1))
      .sorted()[2]!
      .value.readUInt32LE(18 * 4);
    storage.tables(entriesDirectory(1)).drop(storage.tables(entriesDirectory(1)).sorted()[2]!.key);
    storage.content(payloadPath(1))[position + 50]! ^= 1;
    const again = await openLog(storage, {});
    const lost = again.log.problems().find(({ lostFromLsn }) => lostFromLsn !== undefined);
    expect([lost?.lostFromLsn, lost?.lostToLsn]).toEqual([3, 3]);
    const { groupId, seq } = open.records[2]!;
    expect(lost?.lostSeqs).toEqual([{ groupId, fromSeq: seq, toSeq: seq }]);
    const code = await again.log.readRecord(3).catch((error: RetraceError) => error.code);
    expect(code).toBe('CORRUPTION');
    const holes: number[][] = [];
    const onHole = (from: number, to: number): void => {
      holes.push([from, to]);
    };
    expect((await collect(again.log.scan(1, 8, { onHole }))).length).toBe(7);
    expect(holes).toEqual([[3, 3]]);
    expect(again.log.lastLsn).toBe(8);
  });

  it('gives arrivals that never decrease, over restarts with the clock set back', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const maker = new RecordMaker(new Chance(1));
    const arrivals: number[] = [];
    for (const startUs of [1.7e15, 1.6e15, 1.5e15]) {
      let now = startUs;
      const nowUs = (): TimeUs => {
        now -= 1000;
        return now as TimeUs;
      };
      const clock = { nowUs };
      const open = await openLog(storage, {}, clock);
      maker.reset(open.records);
      arrivals.push((await open.log.append([maker.next()])).arrivalUs);
      await closeLog(open);
    }
    expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b));
    expect(arrivals[2]).toBeGreaterThan(1.6e15);
  });
});

describe('the closing commit', () => {
  it('is written when idle, once, and proves the last lsn', async () => {
    const { open, maker } = await setUp();
    await open.log.append([maker.next()]);
    await settled();
    expect(open.timers.delaysMs).toEqual([250]);
    expect(open.log.provenLsn).toBe(0);
    open.timers.run();
    await settled();
    expect(open.log.provenLsn).toBe(1);
    expect(open.timers.delaysMs).toEqual([]);
    expect(open.commits.at(-1)).toMatchObject({ commit: 2, firstLsn: 2, count: 0 });
    await open.log.append([maker.next()]);
    expect(open.commits.at(-1)).toMatchObject({ commit: 3, firstLsn: 2, count: 1 });
  });

  it('is written by close, which refuses what comes later', async () => {
    const { storage, open, maker } = await setUp();
    const stored = open.log.append([maker.next()]);
    const closing = open.log.close();
    await stored;
    const code = await open.log.append([maker.next()]).catch((e: RetraceError) => e.code);
    expect(code).toBe('JOURNAL_CLOSED');
    await closing;
    await open.log.close();
    await open.catalog.close();
    const again = await openLog(storage);
    expect(again.commits.map(({ count }) => count)).toEqual([1, 0]);
  });
});

describe('watermarks', () => {
  const mark = (open: OpenLog, timeUs: number, seq: number): void =>
    open.log.noteWatermark(1 as never, timeUs as never, seq as never);

  it('are stored with the next commit, the newest of each group', async () => {
    const { storage, open, maker } = await setUp();
    mark(open, 10, 1);
    mark(open, 30, 1);
    mark(open, 20, 1);
    const commit = await open.log.append([maker.next(1)]);
    expect(commit.watermarks).toEqual([{ groupId: 1, timeUs: 30, seq: 1 }]);
    expect((await open.log.append([maker.next(1)])).watermarks).toEqual([]);
    await closeLog(open);
    const again = await openLog(storage);
    expect(again.commits.flatMap(({ watermarks }) => watermarks)).toEqual(commit.watermarks);
  });

  it('are stored when nothing else comes, and by close', async () => {
    const { open } = await setUp();
    mark(open, 10, 1);
    expect(open.timers.delaysMs).toEqual([5000]);
    open.timers.run();
    await settled();
    expect(open.commits.at(-1)?.watermarks).toEqual([{ groupId: 1, timeUs: 10, seq: 1 }]);
    mark(open, 20, 1);
    await closeLog(open);
    expect(open.commits.at(-1)?.watermarks).toEqual([{ groupId: 1, timeUs: 20, seq: 1 }]);
  });

  it('are not stored before the records they speak of', async () => {
    const { open, maker } = await setUp({ commitRecordsMax: 1 });
    const first = open.log.append([maker.next(1)]);
    const second = open.log.append([maker.next(1)]);
    mark(open, 10, 2);
    expect((await first).watermarks).toEqual([]);
    expect((await second).watermarks.length).toBe(1);
  });
});

describe('segments', () => {
  it('end at the limit of bytes, entries, records or age', async () => {
    for (const limits of [
      { segmentBytesMax: 6000 },
      { segmentEntryBytesMax: 1500 },
      { segmentRecordsMax: 6 },
      { segmentAgeUsMax: 10_000 },
    ]) {
      const { storage, open, maker } = await setUp(limits);
      await fill(open, maker, 20);
      const segments = open.log.segments();
      expect(segments.length, JSON.stringify(limits)).toBeGreaterThan(3);
      const [a, b] = segments;
      expect(b!.firstLsn).toBe(a!.lastLsn + 1);
      const commits = open.commits.map(({ segment }) => segment);
      expect(commits).toEqual([...commits].sort((x, y) => x - y));
      await closeLog(open);
      expect((await openLog(storage)).log.problems()).toEqual([]);
    }
  });

  it('are not made by starts and stops alone', async () => {
    const storage = new MemoryStorage(new Chance(1));
    for (let i = 0; i < 3; i++) await closeLog(await openLog(storage));
    expect(await storage.list('log')).toEqual([]);
  });

  it('keep a bounded number of files open, whatever is read', async () => {
    const { open, maker } = await setUp({ segmentRecordsMax: 2, openFilesMax: 2 });
    await fill(open, maker, 20);
    const reads = open.records.map((record) => describeStored(open.log, record));
    expect(new Set(await Promise.all(reads)).size).toBe(open.records.length);
  });
});
