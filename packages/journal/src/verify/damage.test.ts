import { describe, expect, it } from 'vitest';
import { Catalog } from '../catalog/catalog.js';
import { firstDamagedByte } from '../log/payload-check.js';
import { entriesDirectory, payloadPath, segmentDirectory } from '../log/segment-paths.js';
import {
  closeLog,
  describeRecord,
  type OpenLog,
  openLog,
  RecordMaker,
  SERVER_UUID,
} from '../log/testing/log-fixture.js';
import type { Damage } from '../storage/damage.js';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { verifyLog } from './verify-log.js';

/** A stored log, and what its records are. */
interface Stored {
  readonly storage: MemoryStorage;
  readonly records: readonly string[];
  readonly segments: readonly number[];
}

/** The log's own promises have run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** @param clean - false: the server was killed, after its closing commit */
const makeLog = async (clean: boolean): Promise<Stored> => {
  const chance = new Chance(11);
  const storage = new MemoryStorage(chance);
  const open = await openLog(storage);
  const maker = new RecordMaker(chance);
  for (let i = 0; i < 9; i++) {
    const count = 1 + chance.below(4);
    await open.log.append(Array.from({ length: count }, () => maker.next()));
    open.log.noteWatermark(open.records[0]!.groupId, (2e15 + i) as never, 1 as never);
  }
  await settled();
  open.timers.run();
  await settled();
  expect(open.log.provenLsn).toBe(open.log.lastLsn);
  const copy = storage.copy();
  await closeLog(open);
  return {
    storage: clean ? storage.copy() : copy,
    records: open.records.map(describeRecord),
    segments: open.log.segments().map(({ segment }) => segment),
  };
};

const isLost = (problems: readonly Damage[], lsn: number): boolean =>
  problems.some(({ lostFromLsn = 0, lostToLsn = -1 }) => lostFromLsn <= lsn && lsn <= lostToLsn);

/** After a kill nothing but its files says how many records the newest segment had. */
const isGone = (problems: readonly Damage[]): boolean =>
  problems.some(({ message }) => message === 'the directory is missing');

/** What a start finds: the records that are right, by lsn; fails for a wrong one. */
const readAllRecords = async (open: OpenLog, stored: Stored, name: string) => {
  let damagedPayloads = 0;
  const found = new Set<number>();
  for (const record of open.records) {
    expect(describeRecord(record), name).toBe(stored.records[record.lsn - 1]);
    expect(found.has(record.lsn), name).toBe(false);
    found.add(record.lsn);
    const payload = Buffer.alloc(record.payloadBytes);
    if (payload.length === 0) continue;
    try {
      await open.log.readPayload(record.segment, record.position, payload);
      if (firstDamagedByte(record, payload) >= 0) damagedPayloads++;
    } catch {
      damagedPayloads++;
    }
  }
  return { found, damagedPayloads };
};

/**
 * Starts on damaged storage: every record is right, or named as lost; and where anything at all
 * differs from what was stored, there is a problem that says so.
 */
const checkDamaged = async (storage: MemoryStorage, stored: Stored, name: string) => {
  const open = await openLog(storage);
  const { found, damagedPayloads } = await readAllRecords(open, stored, name);
  const start = [...open.log.problems(), ...open.catalog.problems()];
  for (let lsn = 1; lsn <= stored.records.length; lsn++) {
    if (found.has(lsn) || isGone(start)) continue;
    expect(isLost(start, lsn), `${name}: lsn ${lsn}`).toBe(true);
  }
  const { problems } = await verifyLog(open.log, { serverUuid: SERVER_UUID });
  const told = [...start, ...problems];
  if (damagedPayloads > 0) expect(problems.length, name).toBeGreaterThan(0);
  await closeLog(open);
  return { told, lost: stored.records.length - found.size, damagedPayloads };
};

const flip = (bytes: Buffer, at: number): void => {
  bytes[at] = bytes[at]! ^ (1 << (at % 8));
};

const catalogPaths = async (storage: MemoryStorage): Promise<readonly string[]> =>
  (await storage.list('catalog')).map((name) => `catalog/${name}`);

const snapshots = async (storage: MemoryStorage): Promise<readonly string[]> =>
  (await catalogPaths(storage)).filter((path) => path.includes('snapshot-'));

const generations = async (storage: MemoryStorage): Promise<readonly string[]> =>
  (await catalogPaths(storage)).filter((path) => !path.includes('snapshot-'));

const checkCatalogNamed = async (storage: MemoryStorage, stored: Stored, name: string) => {
  const { told, lost } = await checkDamaged(storage, stored, name);
  expect(lost, name).toBe(0);
  expect(
    told.some(({ place }) => place.includes('catalog')),
    name,
  ).toBe(true);
};

for (const clean of [true, false]) {
  describe(`after ${clean ? 'a clean stop' : 'a kill'}, one flipped bit`, {
    timeout: 120_000,
  }, () => {
    it('in any byte of the payload files is named, and costs one record at most', async () => {
      const stored = await makeLog(clean);
      expect(stored.segments.length).toBeGreaterThan(1);
      for (const segment of stored.segments) {
        const path = payloadPath(segment);
        const size = stored.storage.content(path).length;
        for (let at = 0; at < size; at += at < 170 ? 1 : 41) {
          const storage = stored.storage.copy();
          flip(storage.content(path), at);
          const name = `${path} byte ${at}`;
          const { told, lost, damagedPayloads } = await checkDamaged(storage, stored, name);
          expect(lost, name).toBe(0);
          expect(damagedPayloads, name).toBeLessThanOrEqual(1);
          const last = !clean && segment === stored.segments.at(-1);
          if (told.length === 0) expect(last, name).toBe(true);
          else
            expect(
              told.some(({ place }) => place.includes(path)),
              name,
            ).toBe(true);
        }
      }
    });

    it('in any byte of an entry is named, and the copy in the payload file stands in', async () => {
      const stored = await makeLog(clean);
      for (const segment of stored.segments) {
        const path = entriesDirectory(segment);
        const puts = stored.storage.tables(path).sorted();
        for (const [index, { value }] of puts.entries()) {
          for (let at = 0; at < value.length; at += 11) {
            const storage = stored.storage.copy();
            flip(storage.tables(path).sorted()[index]!.value, at);
            const name = `${path} entry ${index} byte ${at}`;
            const { told, lost, damagedPayloads } = await checkDamaged(storage, stored, name);
            expect([lost, damagedPayloads], name).toEqual([0, 0]);
            expect(
              told.some(({ place }) => place.includes(path)),
              name,
            ).toBe(true);
          }
        }
      }
    });

    it('in an entry and its copy loses that record alone, by name', async () => {
      const stored = await makeLog(clean);
      const path = entriesDirectory(1);
      const entry = stored.storage.tables(path).sorted()[1]!.value;
      const position = entry.readUInt32LE(18 * 4);
      for (let at = 104; at < entry.length - 4; at += 5) {
        const storage = stored.storage.copy();
        flip(storage.tables(path).sorted()[1]!.value, at);
        flip(storage.content(payloadPath(1)), position + at);
        const name = `both copies, byte ${at}`;
        const { told, lost } = await checkDamaged(storage, stored, name);
        expect(lost, name).toBeLessThanOrEqual(1);
        expect(told.length, name).toBeGreaterThan(0);
      }
    });

    it('in any byte of the catalog is named, and no record is lost', async () => {
      const stored = await makeLog(clean);
      for (const path of await generations(stored.storage)) {
        for (const [index, { key, value }] of stored.storage.tables(path).sorted().entries()) {
          for (let at = 0; at < key.length + value.length; at += 5) {
            const storage = stored.storage.copy();
            const put = storage.tables(path).sorted()[index]!;
            if (at < key.length) flip(put.key, at);
            else flip(put.value, at - key.length);
            await checkCatalogNamed(storage, stored, `${path} entry ${index} byte ${at}`);
          }
        }
      }
    });

    it('in any byte of a snapshot of the catalog is named, and no record is lost', async () => {
      const stored = await makeLog(clean);
      const paths = await snapshots(stored.storage);
      expect(paths.length).toBe(clean ? 2 : 1);
      for (const path of paths) {
        for (let at = 0; at < stored.storage.content(path).length; at += 3) {
          const storage = stored.storage.copy();
          flip(storage.content(path), at);
          await checkCatalogNamed(storage, stored, `${path} byte ${at}`);
        }
      }
    });
  });

  describe(`after ${clean ? 'a clean stop' : 'a kill'}`, () => {
    it('entries that LevelDB dropped are noticed and read from the payload file', async () => {
      const stored = await makeLog(clean);
      for (const segment of stored.segments) {
        const path = entriesDirectory(segment);
        for (const { key } of stored.storage.tables(path).sorted()) {
          const storage = stored.storage.copy();
          storage.tables(path).drop(key);
          const { told, lost } = await checkDamaged(storage, stored, key.toString('hex'));
          expect(lost).toBe(0);
          const last = !clean && segment === stored.segments.at(-1);
          if (!last) expect(told.some(({ place }) => place.includes(path))).toBe(true);
        }
      }
    });

    it('a missing directory, database or payload file is named', async () => {
      const stored = await makeLog(clean);
      for (const segment of stored.segments) {
        for (const path of [
          segmentDirectory(segment),
          entriesDirectory(segment),
          payloadPath(segment),
        ]) {
          const storage = stored.storage.copy();
          await storage.remove(path);
          const { told, lost } = await checkDamaged(storage, stored, path);
          expect(told.some(({ place }) => place.includes(segmentDirectory(segment)))).toBe(true);
          if (path !== segmentDirectory(segment)) expect(lost, path).toBe(0);
        }
      }
    });

    it('a payload file that is cut off is named', async () => {
      const stored = await makeLog(clean);
      const path = payloadPath(1);
      const { length } = stored.storage.content(path);
      for (let cut = 1; cut < length; cut += 397) {
        const storage = stored.storage.copy();
        storage.truncate(path, length - cut);
        const { told, lost } = await checkDamaged(storage, stored, `cut by ${cut}`);
        expect(lost).toBe(0);
        expect(told.some(({ place }) => place.includes(path))).toBe(true);
      }
    });

    it('a catalog without its newest changes is noticed, and no record is lost', async () => {
      const stored = await makeLog(clean);
      const storage = stored.storage.copy();
      await storage.remove('catalog');
      const { told, lost } = await checkDamaged(storage, stored, 'no catalog');
      expect(lost).toBe(0);
      expect(told.some(({ place }) => place.includes('catalog'))).toBe(true);
      const open = await openLog(stored.storage.copy());
      expect(open.log.problems()).toEqual([]);
      await closeLog(open);
    });
  });
}

it('a catalog whose end is lost is told so by the log', async () => {
  const { storage } = await makeLog(false);
  const [path = ''] = await generations(storage);
  for (const { key } of storage.tables(path).sorted()) {
    if (key.readUInt8(0) === 'c'.charCodeAt(0) && key.readUInt8(8) > 1) {
      storage.tables(path).drop(key);
    }
  }
  const catalog = await Catalog.open(storage);
  expect(catalog.problems().length).toBeGreaterThan(0);
  await catalog.close();
});
