import { setImmediate as nextTurn } from 'node:timers/promises';
import { changesContent, RECORD_KIND } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { decodeSummary, HISTORY_KIND } from '../history/history-summary.js';
import { LayerSet } from '../layers/layer-set.js';
import type { LogInput } from '../log/log-record.js';
import {
  closeLog,
  describeInput,
  describeStored,
  type OpenLog,
  openLog,
  RecordMaker,
  SERVER_UUID,
  tickingClock,
} from '../log/testing/log-fixture.js';
import { silentLogger } from '../storage/logger.js';
import { Chance, type FaultPlan } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { SEAL_LIMITS } from './limits.js';
import { LocalSealRunner } from './seal-runner.js';
import { Sealer } from './sealer.js';

const GROUP = 1;
const VOLUMES = [1, 2].map((volumeId) => ({ volumeId, groupId: GROUP, blockBytes: 512 }));

interface OpenStore extends OpenLog {
  readonly layers: LayerSet;
  readonly sealer: Sealer;
}

/** A log and its layers, which seals every segment as soon as it is closed. */
const openStore = async (storage: MemoryStorage): Promise<OpenStore> => {
  const open = await openLog(storage);
  const { log, catalog, timers } = open;
  const layers = new LayerSet(storage, {
    pageBytesMax: 1 << 20,
    chunkBytesMax: 1 << 20,
    blockBytesMax: 1 << 20,
  });
  await layers.load(catalog);
  const sealer = new Sealer({
    ...{ storage, catalog, log, layers, timers },
    runner: new LocalSealRunner(storage, {
      chunks: (range) => log.readChunks(range, () => {}),
      readPayload: (segment, position, target) => log.readPayload(segment, position, target),
    }),
    serverUuid: SERVER_UUID,
    limits: { ...SEAL_LIMITS, sealBytesMin: 1, sealBytesMax: 30_000 },
    layerLimits: { chunkBytes: 2048, pageRows: 16, pageRecords: 16 },
    clock: tickingClock(),
    logger: silentLogger,
    content: () => {
      const value = catalog.get(HISTORY_KIND, String(GROUP));
      const summary = value && decodeSummary(String(GROUP), value);
      return {
        volumes: VOLUMES,
        histories: summary === undefined ? [] : [{ groupId: GROUP, summary }],
      };
    },
    onSealed: () => {},
    drained: () => Promise.resolve(),
  });
  await sealer.start();
  return { ...open, layers, sealer };
};

/** Waits until nothing is being sealed; after a power cut nothing ever ends. */
const idle = async ({ sealer }: OpenStore, storage: MemoryStorage): Promise<void> => {
  let isIdle = false;
  void sealer.idle().then(() => {
    isIdle = true;
  });
  while (!isIdle && !storage.crashed) await nextTurn();
};

interface Run {
  readonly appended: LogInput[];
  acknowledged: number;
}

/** Appends enough for several segments, all of which are sealed. Ends at the first error. */
const work = async (storage: MemoryStorage, chance: Chance, run: Run): Promise<void> => {
  const open = await openStore(storage);
  if (storage.crashed) throw new Error('crashed');
  const maker = new RecordMaker(chance);
  const stored = open.layers.lastLsn + open.records.length;
  run.appended.splice(stored);
  const last = run.appended.at(-1);
  if (last !== undefined) maker.reset([last as never]);
  for (let burst = 0; burst < 12; burst++) {
    const inputs = Array.from({ length: 8 }, () => maker.next(GROUP));
    run.appended.push(...inputs);
    const upTo = run.appended.length;
    await open.log.append(inputs).then(
      () => {
        run.acknowledged = upTo;
        open.sealer.wake();
      },
      () => {},
    );
    if (storage.crashed) throw new Error('crashed');
    if (chance.hit()) await idle(open, storage);
  }
  await idle(open, storage);
  await closeStore(open);
  if (storage.crashed) throw new Error('crashed');
};

const closeStore = async (open: OpenStore): Promise<void> => {
  await open.sealer.close();
  await open.layers.close();
  await closeLog(open);
};

/** Checks a record that is in a layer: its header, and every block it wrote. */
const checkSealed = async (open: OpenStore, input: LogInput, lsn: number): Promise<void> => {
  const entry = open.layers.entries.find((one) => one.fromLsn <= lsn && lsn <= one.toLsn)!;
  const file = await open.layers.file(entry);
  const record = await file.group(GROUP)!.recordAt(input.seq);
  const { seq, kind, flags, offset, length, timeUs, agentTimeUs, volumeId, n } = input;
  const header = { lsn, seq, kind, flags, offset, length, timeUs, agentTimeUs, volumeId, n };
  expect(record).toMatchObject(header);
  if (!changesContent(kind)) return;
  const volume = file.volume(volumeId)!;
  const first = offset / 512;
  const count = Math.min(Math.ceil(length / 512), 40);
  const pieces = await volume.pieces(first, count, seq, { piecesMax: 1000 });
  for (const piece of pieces) {
    expect(piece.seq).toBe(seq);
    if (kind !== RECORD_KIND.write) expect(piece.kind).toBe('zero');
    else {
      const at = (piece.startBlock - first) * 512;
      const bytes = Buffer.alloc(Math.min(512, input.payload.length - at));
      await volume.read(piece.place!, bytes, 0);
      expect(bytes.equals(input.payload.subarray(at, at + bytes.length))).toBe(true);
    }
  }
};

/** Opens what is left: all that was acknowledged is there, in layers or in the log, once. */
const checkStored = async (storage: MemoryStorage, run: Run, name: string): Promise<OpenStore> => {
  const open = await openStore(storage);
  await idle(open, storage);
  const { layers, log, catalog } = open;
  expect([...log.problems(), ...catalog.problems(), ...layers.problems()], name).toEqual([]);
  const sealedLsn = layers.lastLsn;
  const inLog = open.records.filter(({ lsn }) => lsn > sealedLsn);
  expect(log.lastLsn, name).toBe(sealedLsn + inLog.length);
  expect(log.lastLsn, name).toBeGreaterThanOrEqual(run.acknowledged);
  for (let lsn = 1; lsn <= sealedLsn; lsn++) await checkSealed(open, run.appended[lsn - 1]!, lsn);
  for (const record of inLog) {
    const expected = describeInput(run.appended[record.lsn - 1]!);
    expect(await describeStored(log, record), name).toBe(expected);
  }
  expect(storage.keysWrittenTwice, name).toEqual([]);
  run.acknowledged = log.lastLsn;
  return open;
};

const crashAt =
  (step: number): FaultPlan =>
  (access) =>
    access.step === step ? { fault: 'crash' } : undefined;

const countSteps = async (seed: number): Promise<number> => {
  const storage = new MemoryStorage(new Chance(seed));
  const run = { appended: [], acknowledged: 0 };
  await work(storage, new Chance(seed), run);
  const open = await checkStored(storage.afterKill(), run, `seed ${seed}`);
  expect(open.layers.entries.length).toBeGreaterThan(2);
  await closeStore(open);
  return storage.steps;
};

const runWithCrash = async (seed: number, step: number, lie?: FaultPlan): Promise<void> => {
  const name = `seed ${seed}, step ${step}`;
  const chance = new Chance(seed * 1000 + step);
  const run: Run = { appended: [], acknowledged: 0 };
  let storage = new MemoryStorage(chance);
  for (let round = 0; round < 2; round++) {
    const plan = crashAt(round === 0 ? step : 1 + chance.below(150));
    storage.plan = (access) => plan(access) ?? lie?.(access);
    await work(storage, round === 0 ? new Chance(seed) : chance, run).catch((error: unknown) => {
      if (!storage.crashed) throw error;
    });
    storage = storage.afterCrash();
    await closeStore(await checkStored(storage, run, name));
  }
};

describe('sealing on a storage that forgets', { timeout: 60_000 }, () => {
  it('keeps what was acknowledged, whatever the step at which power is cut', async () => {
    const steps = await countSteps(1);
    expect(steps).toBeGreaterThan(100);
    for (let step = 1; step <= steps; step++) await runWithCrash(1, step);
  });

  const lies: readonly (readonly [string, FaultPlan])[] = [
    [
      'the file of a layer',
      ({ kind, path }) =>
        kind === 'sync' && path.startsWith('layers') ? { fault: 'lie' } : undefined,
    ],
    [
      'the names of layers',
      ({ kind, path }) =>
        kind === 'sync-directory' && path === 'layers' ? { fault: 'lie' } : undefined,
    ],
  ];
  for (const [what, lie] of lies) {
    it(`is caught by this test when it does not sync ${what}`, async () => {
      const attempt = async (): Promise<void> => {
        const steps = await countSteps(1);
        for (let step = 1; step <= steps; step++) await runWithCrash(1, step, lie);
      };
      await expect(attempt()).rejects.toThrow();
    });
  }
});
