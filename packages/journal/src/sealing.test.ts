import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseInstant, parseTarget, systemClock } from '@retrace/core';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Journal, type JournalOptions } from './journal.js';
import { silentLogger } from './storage/logger.js';
import { checkInstant, SIZES, step } from './testing/journal-checks.js';
import { JournalModel } from './testing/journal-model.js';

const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'retrace-sealing-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
};

/** Segments of a few records, each sealed as soon as it is closed. */
const EAGER = { sealBytesMin: 1, sealSegmentsMin: 1, sealBytesMax: 64 * 1024 };
const SMALL = { chunkBytes: 16 * 1024, pageRows: 8, pageRecords: 8 };

const open = (dataDir: string, options: Partial<JournalOptions> = {}) =>
  Journal.open({
    dataDir,
    clock: systemClock,
    logger: silentLogger,
    logLimits: { segmentBytesMax: 64 * 1024 },
    sealLimits: EAGER,
    layerLimits: SMALL,
    sealing: 'here',
    ...options,
  });

/** Waits until all closed segments are in layers. */
const sealed = async (journal: Journal, layersMin = 1): Promise<void> => {
  await expect
    .poll(() => journal.stats().layers, { timeout: 10_000 })
    .toBeGreaterThanOrEqual(layersMin);
};

const fillSteps = (count: number, fill: number) =>
  Array.from({ length: count }, (_, i) => ({
    ...{ what: 'write' as const, volume: i % 2, block: (i * 5) % 20, blocks: 1 + (i % 3) },
    fill,
  }));

describe('a journal that seals its log', () => {
  it('is at every instant what the volumes were, while it seals and after reopening', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 10, maxLength: 50 }), { minLength: 1, maxLength: 3 }),
        fc.infiniteStream(fc.nat()),
        fc.infiniteStream(fc.boolean()),
        async (runs, picks, seals) => {
          const dataDir = await newFolder();
          const model = new JournalModel(SIZES);
          const pick = () => 1 + (picks.next().value! % model.lastSeq);
          for (const steps of runs) {
            const sealing = seals.next().value! ? 'here' : 'off';
            const journal = await open(dataDir, { sealing });
            await model.connect(journal);
            for (let at = 0; at < steps.length; at += 9) {
              await model.send(steps.slice(at, at + 9).map((s) => model.apply(s)));
              await checkInstant(model, pick());
            }
            expect(model.group.history.lastSeq).toBe(model.lastSeq);
            for (let i = 0; i < 3; i++) await checkInstant(model, pick());
            expect(journal.problems()).toEqual([]);
            await journal.close();
          }
          const journal = await open(dataDir);
          await model.connect(journal);
          for (const one of fillSteps(40, 9)) await model.send([model.apply(one)]);
          await sealed(journal);
          for (let i = 0; i < 6; i++) await checkInstant(model, pick());
          await checkInstant(model, model.lastSeq);
          const report = await journal.verify();
          expect(report).toMatchObject({ ok: true, problems: [] });
          expect(report.checked.layers).toBeGreaterThan(0);
          await journal.close();
        },
      ),
      { numRuns: 6, endOnFailure: true },
    );
  }, 120_000);

  it('resolves and draws the same before and after sealing', async () => {
    const dataDir = await newFolder();
    const model = new JournalModel(SIZES);
    const first = await open(dataDir, { sealing: 'off' });
    await model.connect(first);
    for (const one of fillSteps(60, 3)) await model.send([model.apply(one)]);
    model.watermark();
    const lastTimeUs = model.group.history.lastTimeUs;
    const ask = async (journal: Journal) => {
      const target = parseTarget('m/v0');
      const out: unknown[] = [];
      for (let seq = 5; seq <= model.lastSeq; seq += 3) {
        const found = await journal.resolve(target, parseInstant(`seq:${seq}`)).catch(String);
        out.push(found);
        if (typeof found === 'string') continue;
        const iso = new Date(Math.ceil(found.timeUs / 1000)).toISOString();
        out.push(await journal.resolve(target, parseInstant(`~${iso}`)).catch(String));
        const arrival = `arrival:${iso}`;
        out.push(await journal.resolve(target, parseInstant(arrival)).catch(String));
      }
      const span = { fromUs: 0, toUs: lastTimeUs, bucketUs: 1e6 };
      return { out, timeline: await journal.timeline(model.volumeIds[0]!, span) };
    };
    const before = await ask(first);
    await first.close();
    const second = await open(dataDir);
    const { recent } = second.groupByName('m').history;
    await expect.poll(() => recent.firstSeq, { timeout: 10_000 }).toBeGreaterThan(40);
    expect(await ask(second)).toEqual(before);
    await second.close();
  });

  it('takes what is sent again for what it is, wherever it is stored', async () => {
    const journal = await open(await newFolder(), { sealing: 'here' });
    const model = new JournalModel(SIZES);
    await model.connect(journal);
    const early = fillSteps(4, 1).map((one) => model.apply(one));
    await model.send(early);
    for (const one of fillSteps(60, 2)) await model.send([model.apply(one)]);
    await sealed(journal);
    expect(journal.groupByName('m').history.recent.firstSeq).toBeGreaterThan(12);
    const { lastSeq } = model.group.history;
    await model.send(early);
    expect(model.group.history.lastSeq).toBe(lastSeq);
    const forged = { ...early[1]!, checksums: early[1]!.checksums.map((sum) => sum ^ 1) };
    await expect(model.send([forged])).rejects.toMatchObject({ code: 'RECORD_CONFLICT' });
    await journal.close();
  });

  it('keeps no more of the log than the newest sealed part and what is not sealed', async () => {
    const dataDir = await newFolder();
    const journal = await open(dataDir);
    const model = new JournalModel(SIZES);
    await model.connect(journal);
    for (const one of fillSteps(200, 5)) await model.send([model.apply(one)]);
    await sealed(journal, 8);
    const segments = async () => (await readdir(join(dataDir, 'log'))).length;
    await expect.poll(segments, { timeout: 10_000 }).toBeLessThan(6);
    expect(journal.metadata.list('segment').length).toBeLessThan(8);
    await journal.close();
    const again = await open(dataDir);
    expect(again.problems()).toEqual([]);
    expect(again.stats().lastLsn).toBe(model.lastSeq);
    await again.close();
  });
});

describe('a journal that has lost a layer', () => {
  /** Seals a history, takes one of its layers out of the catalog, and opens it again. */
  const withoutLayer = async (pick: (layers: number) => number) => {
    const dataDir = await newFolder();
    const model = new JournalModel(SIZES);
    const first = await open(dataDir);
    await model.connect(first);
    for (const one of fillSteps(120, 5)) await model.send([model.apply(one)]);
    await sealed(first, 4);
    const entries = first.metadata.list('layer');
    const { id, value } = entries[pick(entries.length)]!;
    await first.close();
    const second = await open(dataDir, { sealing: 'off' });
    await second.metadata.remove('layer', id);
    await second.close();
    const journal = await open(dataDir, { sealing: 'off' });
    await model.connect(journal);
    const [group] = value.groups as { fromSeq: number; toSeq: number }[];
    return { journal, model, ...group! };
  };

  const picks = [
    ['in the middle', () => 1],
    ['at the end', (count: number) => count - 1],
    ['at the start', () => 0],
  ] as const;
  it.each(picks)('%s gives no wrong bytes: what needs it fails by name', async (_where, pick) => {
    const { journal, model, fromSeq, toSeq } = await withoutLayer(pick);
    const places = journal.problems().map(({ message }) => message);
    expect(places.join()).toContain('are lost: no layer has them');
    if (fromSeq > 6) await checkInstant(model, fromSeq - 1);
    for (const seq of [fromSeq, toSeq, toSeq + 1]) {
      const view = journal.view(model.volumeIds[0]!, seq);
      for (let block = 0; block * 4096 < view.sizeBytes; block++) {
        const bytes = Buffer.alloc(4096);
        const truth = model.truth[seq]![0]!.subarray(block * 4096, (block + 1) * 4096);
        const reading = async () => await view.read(block * 4096, bytes);
        const failure = await reading().catch(String);
        if (failure === undefined) expect(bytes.equals(truth)).toBe(true);
        else expect(failure).toContain(`instants before seq:${fromSeq} do not need it`);
      }
      await expect(journal.replayView(model.volumeIds[0]!, seq)).rejects.toMatchObject({
        code: 'CORRUPTION',
      });
    }
    await journal.close();
  });
});
