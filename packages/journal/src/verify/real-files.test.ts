import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { systemClock } from '@retrace/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCatalog } from '../catalog/begin-generation.js';
import type { LogLimits } from '../log/limits.js';
import { firstDamagedByte } from '../log/payload-check.js';
import {
  closeLog,
  describeRecord,
  openLog,
  RecordMaker,
  SERVER_UUID,
} from '../log/testing/log-fixture.js';
import { openDataDirectory } from '../storage/data-directory.js';
import { LocalStorage } from '../storage/local-storage.js';
import { silentLogger } from '../storage/logger.js';
import { Chance } from '../storage/testing/faults.js';
import { verifyDataDirectory } from '../testing/verify-data-directory.js';
import { inspect } from './inspect.js';

const LIMITS: Partial<LogLimits> = { segmentRecordsMax: 40, writeBufferBytes: 1024 * 1024 };

/** The segment that was opened ahead: nothing is in it. */
const UNUSED_SEGMENT = 'log/0000000004/';

const filesUnder = async (root: string): Promise<string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.endsWith('LOCK') && path !== 'lock');
};

/** A data directory with three segments, the last as a kill -9 leaves it; and its records. */
const makeKilled = async (root: string): Promise<string[]> => {
  const storage = new LocalStorage(join(root, 'live'));
  const directory = await openDataDirectory({
    storage,
    clock: systemClock,
    create: true,
    newUuid: () => SERVER_UUID,
    prepare: () => createCatalog(storage),
  });
  const open = await openLog(storage, LIMITS);
  const maker = new RecordMaker(new Chance(4));
  for (let i = 0; i < 25; i++) {
    await open.log.append(Array.from({ length: 4 }, () => maker.next()));
    await new Promise((resolve) => setImmediate(resolve));
    if (i % 5 === 4) open.timers.run();
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  await cp(join(root, 'live'), join(root, 'killed'), { recursive: true });
  await closeLog(open);
  await directory.release();
  return open.records.map(describeRecord);
};

/** Starts on a directory and compares all that can be read. @returns lsns of right records */
const readAll = async (root: string, records: readonly string[], name: string) => {
  const open = await openLog(new LocalStorage(root), LIMITS);
  const right = new Set<number>();
  for (const record of open.records) {
    expect(describeRecord(record), name).toBe(records[record.lsn - 1]);
    const payload = Buffer.alloc(record.payloadBytes);
    try {
      if (payload.length > 0) await open.log.readPayload(record.segment, record.position, payload);
    } catch {
      continue;
    }
    if (payload.length === 0 || firstDamagedByte(record, payload) < 0) right.add(record.lsn);
  }
  const problems = [...open.log.problems(), ...open.catalog.problems()];
  await closeLog(open);
  return { right, problems };
};

const verify = (root: string) =>
  verifyDataDirectory({
    storage: new LocalStorage(root),
    clock: systemClock,
    logger: silentLogger,
  });

describe('a data directory on a real filesystem, killed', () => {
  let root: string;
  let records: string[];
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'retrace-damage-'));
    records = await makeKilled(root);
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const onCopy = async (
    name: string,
    damage: (copy: string) => Promise<void>,
  ): Promise<{ readonly lost: number; readonly told: readonly string[] }> => {
    const first = join(root, 'first');
    const second = join(root, 'second');
    await cp(join(root, 'killed'), first, { recursive: true });
    await damage(first);
    await cp(first, second, { recursive: true });
    const { right, problems } = await readAll(first, records, name);
    const verified = await verify(second);
    await rm(first, { recursive: true });
    await rm(second, { recursive: true });
    const told = [...problems, ...verified.problems].map(({ place }) => place);
    const lost = records.length - right.size;
    if (lost > 0) expect(told.length, `${name}: ${lost} lost`).toBeGreaterThan(0);
    return { lost, told };
  };

  it('undamaged is whole, and verify finds nothing', async () => {
    expect(await onCopy('undamaged', async () => {})).toEqual({ lost: 0, told: [] });
  });

  it('with a bit flipped anywhere loses no record silently, and at most one at all', async () => {
    const chance = new Chance(99);
    for (const path of await filesUnder(join(root, 'killed'))) {
      if (path === 'format' || path.startsWith(UNUSED_SEGMENT)) continue;
      const { size } = await stat(join(root, 'killed', path));
      const flips = Math.min(path.includes('entries') ? 2 : 3, size);
      for (let i = 0; i < flips; i++) {
        const at = chance.below(size);
        const name = `${path} byte ${at} of ${size}`;
        const { lost } = await onCopy(name, async (copy) => {
          const bytes = await readFile(join(copy, path));
          bytes[at]! ^= 1 << chance.below(8);
          await writeFile(join(copy, path), bytes);
        });
        expect(lost, name).toBeLessThanOrEqual(1);
      }
    }
  }, 120_000);

  it('with any one file missing names it, and LevelDB files cost no record', async () => {
    for (const path of await filesUnder(join(root, 'killed'))) {
      if (path === 'format' || /\/LOG(\.old)?$/.test(path)) continue;
      const { lost, told } = await onCopy(path, (copy) => rm(join(copy, path)));
      if (!path.endsWith('payload')) expect(lost, path).toBe(0);
      const { size } = await stat(join(root, 'killed', path));
      const holdsNothing = size === 0 || path.startsWith(UNUSED_SEGMENT);
      if (!holdsNothing) expect(told.length, path).toBeGreaterThan(0);
    }
  }, 120_000);

  it('can be looked into, file by file', async () => {
    const copy = join(root, 'inspected');
    await cp(join(root, 'killed'), copy, { recursive: true });
    const storage = new LocalStorage(copy);
    const whats = new Map<string, Set<string>>();
    for (const path of [
      ...['format', 'catalog/0000000001', 'catalog/snapshot-0000000001'],
      ...['log/0000000001/payload', 'log/0000000001/entries', 'log/0000000003/payload'],
    ]) {
      for await (const { what } of inspect(storage, path)) {
        whats.set(path, (whats.get(path) ?? new Set()).add(what));
      }
    }
    expect(Object.fromEntries([...whats].map(([path, set]) => [path, [...set].sort()]))).toEqual({
      format: ['format-file'],
      'catalog/0000000001': ['catalog-change', 'catalog-version'],
      'catalog/snapshot-0000000001': ['catalog-snapshot'],
      'log/0000000001/payload': ['chunk', 'payload-header'],
      'log/0000000001/entries': ['chunk'],
      'log/0000000003/payload': ['chunk', 'payload-header'],
    });
  });
});
