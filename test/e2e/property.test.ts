import { readFileSync } from 'node:fs';
import { formatTime, systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  digest,
  digestExport,
  firstDifference,
  type Protection,
  protect,
  readAll,
  readExport,
  repetitions,
  resolveInstant,
  retrace,
  seededRandom,
  waitStored,
} from '../lib/index.js';
import { openStopped } from '../lib/open-stopped.js';
import {
  applyAll,
  effectsOf,
  type Request,
  send,
  whyNotFinal,
  whyNotOneRecord,
} from '../lib/requests/request.js';

/** One block and a bit, whole blocks, an odd number of bytes, less than a block. */
const SIZES = [4097, 16 * 4096, 150_001, 1000] as const;

/** Requests in flight together; the next batch begins when all of them are answered. */
type Batch = readonly Request[];

/** A place in the history, and what the disk held there. */
interface Known {
  readonly volume: string;
  readonly seq: number;
  readonly hash: string;
}

interface BatchResult {
  readonly batch: Batch;
  readonly before: Buffer;
  readonly after: Buffer;
  readonly begunUs: number;
  readonly doneUs: number;
}

function rangeOf(sizeBytes: number): fc.Arbitrary<{ offset: number; length: number }> {
  const anywhere = fc.nat(sizeBytes - 1);
  const aligned = fc.nat(Math.floor((sizeBytes - 1) / 4096)).map((block) => block * 4096);
  const lengths = fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.constantFrom(512, 4096, 8192));
  return fc
    .tuple(fc.oneof(anywhere, aligned), lengths)
    .map(([offset, length]) => ({ offset, length: Math.min(length, sizeBytes - offset) }));
}

function requestOf(sizeBytes: number): fc.Arbitrary<Request> {
  const range = rangeOf(sizeBytes);
  const write = fc
    .tuple(range, fc.integer({ min: 1, max: 2 ** 31 }), fc.boolean())
    .map(([place, content, fua]) => ({ kind: 'write' as const, ...place, content, fua }));
  const clear = fc
    .tuple(fc.constantFrom('zero' as const, 'trim' as const), range)
    .map(([kind, place]) => ({ kind, ...place }));
  return fc.oneof(
    { arbitrary: write, weight: 6 },
    { arbitrary: clear, weight: 3 },
    { arbitrary: fc.constant({ kind: 'flush' as const }), weight: 1 },
  );
}

function batchesOf(sizeBytes: number): fc.Arbitrary<readonly Batch[]> {
  const one = requestOf(sizeBytes).map((request) => [request]);
  const several = fc.array(requestOf(sizeBytes), { minLength: 2, maxLength: 6 });
  return fc.array(fc.oneof(one, several), { minLength: 1, maxLength: 14 });
}

async function runBatch(client: NbdClient, before: Buffer, batch: Batch): Promise<BatchResult> {
  const begunUs = systemClock.nowUs();
  await Promise.all(batch.map((request) => send(client, request)));
  const doneUs = systemClock.nowUs();
  const after = await readAll(client);
  const effects = effectsOf(batch, before.length);
  if (batch.length === 1) {
    expect(firstDifference(after, applyAll(before, effects))).toBeUndefined();
  } else {
    expect(whyNotFinal(before, after, effects)).toBeUndefined();
  }
  return { batch, before, after, begunUs, doneUs };
}

describe('random requests against a naive model', () => {
  const random = seededRandom();
  const known: Known[] = [];
  let here: Protection;

  beforeAll(async () => {
    const disks = SIZES.map((sizeBytes, index) => ({ name: `v${index}`, sizeBytes }));
    here = await protect({ disks: [disks[0]!, ...disks.slice(1)] });
  });

  const view = (volume: string, instant: string): Promise<Buffer> =>
    readExport(here.server.exportUri(`${volume}@${instant}`));

  /** Every record of a batch is one request's doing, and its last one leaves what the disk held. */
  async function checkBatch(volume: string, fromSeq: number, result: BatchResult): Promise<number> {
    const { batch, before, after, begunUs, doneUs } = result;
    const { seq: toSeq } = await resolveInstant(here.server, `${volume}@${formatTime(doneUs)}`);
    const writes = batch.every(({ kind }) => kind === 'write' || kind === 'flush');
    if (writes) expect(toSeq - fromSeq).toBe(batch.length);
    const effects = effectsOf(batch, before.length);
    let previous = before;
    for (let seq = fromSeq + 1; seq <= toSeq; seq++) {
      const image = await view(volume, `seq:${seq}`);
      expect(whyNotOneRecord(previous, image, effects)).toBeUndefined();
      previous = image;
    }
    expect(firstDifference(previous, after)).toBeUndefined();
    known.push({ volume, seq: toSeq, hash: digest(after) });
    const timeUs = random.integer(begunUs, doneUs);
    const { seq } = await resolveInstant(here.server, `${volume}@${formatTime(timeUs)}`);
    expect(seq).toBeGreaterThanOrEqual(fromSeq);
    expect(seq).toBeLessThanOrEqual(toSeq);
    const [byTime, bySeq] = [
      await view(volume, formatTime(timeUs)),
      await view(volume, `seq:${seq}`),
    ];
    expect(firstDifference(byTime, bySeq)).toBeUndefined();
    return toSeq;
  }

  async function tryOut(index: number, batches: readonly Batch[]): Promise<void> {
    const volume = `${here.machine}/v${index}`;
    const client = await NbdClient.connect(here.agent.uri(`v${index}`));
    try {
      let disk = await readAll(client);
      const results: BatchResult[] = [];
      const clear = { kind: 'zero' as const, offset: 0, length: disk.length };
      for (const batch of [[clear], ...batches]) {
        results.push(await runBatch(client, disk, batch));
        disk = results.at(-1)!.after;
      }
      await waitStored(here.server, here.machine, systemClock.nowUs());
      const [first] = results;
      const start = `${volume}@${formatTime(first!.begunUs)}`;
      let { seq } = await resolveInstant(here.server, start);
      for (const result of results) seq = await checkBatch(volume, seq, result);
      const file = readFileSync(here.disk(`v${index}`));
      expect(firstDifference(file, disk)).toBeUndefined();
    } finally {
      await client.close();
    }
  }

  it('every instant of every volume reads as the model', async () => {
    const sizes = SIZES.map((sizeBytes, index) =>
      batchesOf(sizeBytes).map((batches) => ({ index, batches })),
    );
    const property = fc.asyncProperty(fc.oneof(...sizes), ({ index, batches }) =>
      tryOut(index, batches),
    );
    await fc.assert(property, {
      seed: random.seed | 0,
      numRuns: repetitions(30, 600),
      interruptAfterTimeLimit: 120_000,
    });
  }, 240_000);

  it('random instants read the same later, by index and by plain replay', async () => {
    const some = Array.from({ length: repetitions(40, 400) }, () => random.pick(known));
    for (const { volume, seq, hash } of some) {
      expect(await digestExport(here.server.exportUri(`${volume}@seq:${seq}`))).toBe(hash);
    }
    const verify = await retrace(['verify', '--json'], { server: here.server.http });
    expect(verify.json).toMatchObject({ ok: true, problems: [] });
    await here.agent.program.stop();
    await here.server.program.stop();
    const journal = await openStopped(here.server.dataDir);
    for (const { volume, seq, hash } of some) {
      expect(digest(await journal.readByIndex(volume, seq))).toBe(hash);
      expect(digest(await journal.readByReplay(volume, seq))).toBe(hash);
    }
  }, 120_000);
});
