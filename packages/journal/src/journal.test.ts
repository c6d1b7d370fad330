import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseInstant, parseTarget, RetraceError, systemClock } from '@retrace/core';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Journal } from './journal.js';
import { silentLogger } from './storage/logger.js';
import { checkInstant, readAll, SIZES, step } from './testing/journal-checks.js';
import { JournalModel } from './testing/journal-model.js';

const folders: string[] = [];
const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'retrace-journal-'));
  folders.push(folder);
  return folder;
};
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

const openJournal = (dataDir: string, segmentBytesMax = 256 * 1024) =>
  Journal.open({
    dataDir,
    clock: systemClock,
    logger: silentLogger,
    logLimits: { segmentBytesMax },
  });

describe('Journal', () => {
  it('is at every instant what the volumes were, also after reopening', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 40 }), { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        async (runs, picks) => {
          const dataDir = await newFolder();
          const model = new JournalModel(SIZES);
          for (const steps of runs) {
            const journal = await openJournal(dataDir);
            await model.connect(journal);
            const sent: Promise<void>[] = [];
            for (let at = 0; at < steps.length; at += 7) {
              const records = steps.slice(at, at + 7).map((s) => model.apply(s));
              sent.push(model.send(records));
            }
            await Promise.all(sent);
            expect(model.group.history.lastSeq).toBe(model.lastSeq);
            for (let i = 0; i < 4; i++) {
              await checkInstant(model, 1 + (picks.next().value! % model.lastSeq));
            }
            expect(journal.problems()).toEqual([]);
            await journal.close();
          }
          const journal = await openJournal(dataDir);
          await model.connect(journal);
          await checkInstant(model, 1 + (picks.next().value! % model.lastSeq));
          await checkInstant(model, model.lastSeq);
          const report = await journal.verify();
          expect(report).toMatchObject({ ok: true, problems: [] });
          expect(report.checked.views).toBeGreaterThan(1);
          await journal.close();
        },
      ),
      { numRuns: 15 },
    );
  }, 120_000);

  it('takes what is sent again for what it is, and refuses other contents', async () => {
    const journal = await openJournal(await newFolder());
    const model = new JournalModel(SIZES);
    await model.connect(journal);
    const write = { what: 'write', volume: 0, block: 1, blocks: 1, fill: 7 } as const;
    const first = model.apply(write);
    const second = model.apply({ ...write, fill: 8 });
    await model.send([first]);
    await model.send([first, second]);
    expect(model.group.history.lastSeq).toBe(model.lastSeq);
    await checkInstant(model, model.lastSeq);
    const forged = { ...first, checksums: new Uint32Array([1]) };
    await expect(model.send([forged])).rejects.toMatchObject({ code: 'RECORD_CONFLICT' });
    const ahead = { ...second, n: (second.n + 2) as typeof second.n };
    await expect(model.send([ahead])).rejects.toMatchObject({ code: 'RECORD_HOLE' });
    await journal.close();
  });

  it('lets only the newest epoch and instance append, also after reopening', async () => {
    const dataDir = await newFolder();
    const journal = await openJournal(dataDir);
    const model = new JournalModel(SIZES);
    await model.connect(journal);
    const { stream } = model.group;
    const other = { epoch: 1, instanceId: 'another', sessionId: 's' };
    await expect(stream.fence(other)).rejects.toMatchObject({ code: 'EPOCH_TAKEN' });
    await stream.fence({ ...other, epoch: 5 });
    await expect(model.send([model.apply({ what: 'flush', volume: 0 })])).rejects.toMatchObject({
      code: 'EPOCH_FENCED',
      details: { epoch: 5 },
    });
    await journal.close();
    const again = await openJournal(dataDir);
    const group = again.groupByName('m');
    expect(group.stream.holder).toEqual({ ...other, epoch: 5 });
    await expect(group.stream.fence({ ...other, epoch: 4 })).rejects.toMatchObject({
      code: 'EPOCH_FENCED',
    });
    await again.close();
  });

  it('refuses another identity under a known name, unless it takes over', async () => {
    const journal = await openJournal(await newFolder());
    const model = new JournalModel(SIZES);
    await model.connect(journal);
    const stranger = {
      define: 'group',
      uuid: '11111111-0000-0000-0000-000000000000',
      name: 'm',
    } as const;
    await expect(journal.register(stranger, model.definitions)).rejects.toMatchObject({
      code: 'IDENTITY_CONFLICT',
    });
    const taken = await journal.register(stranger, model.definitions, { takeOver: true });
    expect(taken.volumeIds).toEqual(model.volumeIds);
    expect(journal.groupByName('m').uuid).toBe(stranger.uuid);
    await journal.close();
  });

  it('keeps a watermark over a restart, once its records are durable', async () => {
    const dataDir = await newFolder();
    const model = new JournalModel(SIZES);
    const first = await openJournal(dataDir);
    await model.connect(first);
    model.watermark();
    const { watermark } = model.group;
    expect(watermark?.seq).toBe(model.lastSeq);
    await first.close();
    const second = await openJournal(dataDir);
    expect(second.groupByName('m').watermark).toEqual(watermark);
    await second.close();
  });

  it('knows every volume again when the catalog is gone', async () => {
    const dataDir = await newFolder();
    const model = new JournalModel(SIZES);
    const first = await openJournal(dataDir);
    await model.connect(first);
    await model.send([model.apply({ what: 'write', volume: 1, block: 2, blocks: 3, fill: 9 })]);
    const seq = model.lastSeq;
    await first.close();
    await rm(join(dataDir, 'catalog'), { recursive: true });
    const second = await openJournal(dataDir);
    expect(second.problems().length).toBeGreaterThan(0);
    const found = await second.resolve(parseTarget('m/v1'), parseInstant('latest'));
    expect(found.seq).toBe(seq);
    const bytes = await readAll(second.view(found.volumeId!, seq));
    expect(bytes.equals(model.truth[seq]![1]!)).toBe(true);
    await second.close();
  });

  it('names what it does not know', async () => {
    const journal = await openJournal(await newFolder());
    const codeOf = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        if (error instanceof RetraceError) return error.code;
      }
      return 'none';
    };
    const latest = parseInstant('latest');
    await expect(journal.resolve(parseTarget('a/b'), latest)).rejects.toMatchObject({
      code: 'VOLUME_UNKNOWN',
    });
    await expect(journal.resolve(parseTarget('a'), latest)).rejects.toMatchObject({
      code: 'GROUP_UNKNOWN',
    });
    await journal.close();
    expect(codeOf(() => journal.register({} as never, []))).toBe('JOURNAL_CLOSED');
  });

  it('refuses more records than the index may hold', async () => {
    const journal = await Journal.open({
      dataDir: await newFolder(),
      clock: systemClock,
      logger: silentLogger,
      limits: { indexExtentsMax: 10 },
    });
    const model = new JournalModel(SIZES);
    await model.connect(journal);
    const writes = Array.from({ length: 11 }, () =>
      model.apply({ what: 'write', volume: 0, block: 1, blocks: 1, fill: 7 }),
    );
    await expect(model.send(writes)).rejects.toMatchObject({ code: 'INDEX_FULL' });
    await journal.close();
  });
});
