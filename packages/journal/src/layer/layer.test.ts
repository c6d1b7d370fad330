import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collect } from '../log/testing/log-fixture.js';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { LayerCaches } from './layer-caches.js';
import { LayerFile } from './layer-file.js';
import type { LayerVolume } from './layer-volume.js';
import type { LayerSummary } from './layer-writer.js';
import {
  INPUTS,
  kindOf,
  LAYER,
  type ModelGroup,
  type ModelLayer,
  type ModelVolume,
  randomLayer,
  rowsOf,
  SMALL_LIMITS,
  versionAt,
  writeLayer,
} from './testing/layer-model.js';
import { verifyLayer } from './verify-layer.js';

const NONE = Buffer.alloc(0);

/** Caches of nothing, of a few parts, and of all. */
const CACHE_BYTES = [0, 2000, 1_000_000];

interface Written {
  readonly chance: Chance;
  readonly model: ModelLayer;
  readonly file: LayerFile;
  readonly summary: LayerSummary;
}

const written = async (seed: number, size: number): Promise<Written> => {
  const chance = new Chance(seed);
  const model = randomLayer(chance, size);
  const storage = new MemoryStorage(chance);
  const compressionLevel = chance.hit(0.2) ? 0 : 1;
  const limits = chance.hit(0.8) ? { ...SMALL_LIMITS, compressionLevel } : { compressionLevel };
  const summary = await writeLayer(storage, 'a.layer', model, limits);
  const bytesMax = CACHE_BYTES[chance.below(CACHE_BYTES.length)]!;
  const caches = new LayerCaches({
    pageBytesMax: bytesMax,
    chunkBytesMax: bytesMax,
    blockBytesMax: bytesMax,
  });
  const { bytes, digest } = summary;
  const file = await LayerFile.open({
    ...{ storage, path: 'a.layer', layer: LAYER, bytes, digest, caches, limits },
  });
  return { chance, model, file, summary };
};

/** A range that meets some versions, and a seq around theirs. */
const randomQuery = (chance: Chance, { versions }: ModelVolume) => {
  const near = versions[chance.below(versions.length)];
  const start = Math.max(0, (near?.block ?? 0) - chance.below(5));
  return { start, blocks: 1 + chance.below(40), seq: (near?.seq ?? 1) + chance.below(3) - 1 };
};

const checkBlock = async (
  volume: LayerVolume,
  model: ModelVolume,
  chance: Chance,
  block: number,
  seq: number,
): Promise<void> => {
  const [piece] = await volume.pieces(block, 1, seq, { piecesMax: 1 });
  const version = versionAt(model, block, seq);
  expect([piece!.kind, piece!.seq]).toEqual([kindOf(version), version?.seq ?? 0]);
  if (piece!.place === undefined) return;
  const skip = chance.below(model.blockBytes);
  const target = Buffer.alloc(1 + chance.below(model.blockBytes - skip), 0x77);
  await volume.read(piece!.place, target, skip);
  const whole = Buffer.alloc(model.blockBytes);
  version!.data!.copy(whole);
  expect(target.equals(whole.subarray(skip, skip + target.length))).toBe(true);
};

/** Asks again where an answer ends, until the whole range is answered. */
const wholeRange = async <T extends { readonly startBlock: number; readonly blocks: number }>(
  start: number,
  blocks: number,
  ask: (start: number, blocks: number) => readonly T[] | Promise<readonly T[]>,
): Promise<T[]> => {
  const all: T[] = [];
  for (let at = start; at < start + blocks; ) {
    const answer = await ask(at, start + blocks - at);
    expect(answer.length).toBeGreaterThan(0);
    for (const piece of answer) {
      if (piece.startBlock !== at || piece.blocks < 1) expect(piece).toEqual({ startBlock: at });
      at += piece.blocks;
    }
    all.push(...answer);
  }
  expect(all.reduce((sum, piece) => sum + piece.blocks, 0)).toBe(blocks);
  return all;
};

const checkRange = async (
  volume: LayerVolume,
  model: ModelVolume,
  chance: Chance,
): Promise<void> => {
  const { start, blocks, seq } = randomQuery(chance, model);
  const budget = { piecesMax: 1 + chance.below(10) };
  const pieces = await wholeRange(start, blocks, (at, length) =>
    volume.pieces(at, length, seq, budget),
  );
  for (const piece of pieces) {
    if (piece.kind === 'data') expect(piece.blocks).toBe(1);
    for (let block = piece.startBlock; block < piece.startBlock + piece.blocks; block++) {
      const version = versionAt(model, block, seq);
      if (piece.kind === kindOf(version) && piece.seq === (version?.seq ?? 0)) continue;
      expect(piece).toEqual({ block, kind: kindOf(version), seq: version?.seq });
    }
  }
  const runs = await wholeRange(start, blocks, (at, length) =>
    volume.dataRuns(at, length, seq, budget),
  );
  for (const run of runs) {
    for (let block = run.startBlock; block < run.startBlock + run.blocks; block++) {
      const kind = kindOf(versionAt(model, block, seq));
      if (run.kind !== (kind === 'lost' ? 'data' : kind)) expect(run).toEqual({ block, kind });
    }
  }
};

const checkScans = async (volume: LayerVolume, model: ModelVolume): Promise<void> => {
  const rows = rowsOf(model);
  let next = 0;
  for await (const batch of volume.scanRows()) {
    for (let i = 0; i < batch.count; i++) {
      const { block, seq, kind, data } = rows[next++]!;
      expect([batch.block(i), batch.seq(i), batch.kind(i)]).toEqual([block, seq, kind]);
      expect(Buffer.compare(batch.data(i) ?? NONE, data ?? NONE)).toBe(0);
    }
  }
  expect(next).toBe(rows.length);
  const covered = new Map<number, number>();
  for (const { level, index, seq } of (await collect(volume.scanRegions())).flat()) {
    expect(index).toBeGreaterThanOrEqual(0);
    covered.set(seq, (covered.get(seq) ?? 0) + 2 ** level);
  }
  const wanted = model.versions.filter(({ isRegion }) => isRegion);
  expect([...covered].sort((a, b) => a[0] - b[0])).toEqual(
    wanted.map(({ seq, blocks }) => [seq, blocks]),
  );
  expect(await volume.activity()).toEqual(model.activity);
};

const checkGroup = async (file: LayerFile, model: ModelGroup, chance: Chance): Promise<void> => {
  const group = file.group(model.groupId)!;
  const { records } = model;
  expect(group.records).toBe(records.length);
  expect([group.fromSeq, group.toSeq]).toEqual([records[0]?.seq ?? 0, records.at(-1)?.seq ?? 0]);
  expect(await collect(group.scan())).toEqual(records);
  for (let i = 0; i < 5; i++) {
    const near = records[chance.below(records.length)];
    const seq = (near?.seq ?? 5) + chance.below(3) - 1;
    const to = seq + chance.below(10) - 1;
    expect(await collect(group.scan(seq, to))).toEqual(
      records.filter((record) => record.seq >= seq && record.seq <= to),
    );
    expect(await group.recordAt(seq)).toEqual(records.find((record) => record.seq === seq));
    const time = (near?.timeUs ?? 5) + chance.below(3) - 1;
    const arrival = (near?.arrivalUs ?? 5) + chance.below(3) - 1;
    const before = records.filter(({ timeUs }) => timeUs <= time);
    const arrived = records.filter(({ arrivalUs }) => arrivalUs <= arrival);
    expect(await group.lastSeqAtTime(time)).toBe(before.at(-1)?.seq ?? 0);
    expect(await group.lastSeqAtArrival(arrival)).toBe(arrived.at(-1)?.seq ?? 0);
  }
};

describe('a layer', () => {
  it('reads as what was written, at every seq, in any range, with any cache', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 120 }), async (seed, size) => {
        const { chance, model, file } = await written(seed, size);
        expect(file.volumes().map(({ volumeId }) => volumeId)).toEqual(
          model.volumes.map(({ volumeId }) => volumeId),
        );
        for (const modelVolume of model.volumes) {
          const volume = file.volume(modelVolume.volumeId)!;
          expect(volume.rows).toBe(rowsOf(modelVolume).length);
          for (const { block, seq } of modelVolume.versions.slice(-30)) {
            await checkBlock(volume, modelVolume, chance, block, seq);
            await checkBlock(volume, modelVolume, chance, block, seq + chance.below(5) - 2);
          }
          for (let i = 0; i < 10; i++) await checkRange(volume, modelVolume, chance);
          await checkScans(volume, modelVolume);
        }
        for (const group of model.groups) await checkGroup(file, group, chance);
        await file.close();
      }),
      { numRuns: 60 },
    );
  });

  it('is found in order by verify, and says what its summary says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const { file, summary, model } = await written(seed, 60);
        expect(await verifyLayer(file)).toEqual([]);
        expect(file.digest).toBe(summary.digest);
        expect([file.fromLsn, file.toLsn, file.inputs]).toEqual([100, 900, INPUTS]);
        const ofFile = file.volumes().map((volume) => ({
          ...{ volumeId: volume.volumeId, groupId: volume.groupId, rows: volume.rows },
          ...{ regions: volume.regions, dataBytes: volume.dataBytes },
          ...{ fromSeq: volume.fromSeq, toSeq: volume.toSeq },
        }));
        expect(summary.volumes).toEqual(ofFile);
        const seqs = model.volumes.map(({ versions }) => versions.map(({ seq }) => seq));
        expect(summary.volumes.map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual(
          seqs.map((of) => (of.length === 0 ? [0, 0] : [Math.min(...of), Math.max(...of)])),
        );
        await file.close();
      }),
      { numRuns: 40 },
    );
  });
});
