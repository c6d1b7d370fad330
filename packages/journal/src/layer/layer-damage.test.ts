import { createHash } from 'node:crypto';
import { crc32c, RECORD_KIND, RetraceError } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { CODEC, decompress } from '../codec/codec.js';
import { collect } from '../log/testing/log-fixture.js';
import type { Damage } from '../storage/damage.js';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { LayerCaches } from './layer-caches.js';
import {
  decodeLayerDirectory,
  encodeLayerDirectory,
  type LayerDirectory,
} from './layer-directory.js';
import { LayerFile } from './layer-file.js';
import { decodeLayerFooter, encodeLayerFooter, LAYER_FOOTER_BYTES } from './layer-frame.js';
import type { LayerSummary } from './layer-writer.js';
import type { LayerRecord } from './record-page.js';
import { ROW_KIND } from './rows.js';
import { LAYER, makeWriter, randomLayer, SMALL_LIMITS, writeLayer } from './testing/layer-model.js';
import { verifyLayer } from './verify-layer.js';

const PATH = 'a.layer';
const BLOCK_BYTES = 32;

const RECORD = {
  ...{ lsn: 900, kind: RECORD_KIND.mark, flags: 0, volumeId: 0, epoch: 1, n: 3 },
  ...{ timeUs: 5000, agentTimeUs: 5001, arrivalUs: 5010, offset: 0, length: 2 },
  body: Buffer.from('hi'),
} as unknown as LayerRecord;

/** A layer with one of everything, so small that each of its bits can be tried. */
const writeSmall = async (storage: MemoryStorage): Promise<LayerSummary> => {
  const writer = await makeWriter(storage, PATH, { pageRows: 2, compressionLevel: 1 });
  writer.beginVolume({ volumeId: 1, groupId: 1, blockBytes: BLOCK_BYTES });
  const random = new Chance(5);
  const noise = Buffer.from(Array.from({ length: BLOCK_BYTES }, () => random.below(256)));
  for (const [block, seq, data] of [
    [3, 5, noise],
    [3, 7, Buffer.alloc(BLOCK_BYTES, 'ab')],
    [4, 5, Buffer.alloc(BLOCK_BYTES, 'ab')],
  ] as const) {
    writer.row(block, seq, ROW_KIND.data, crc32c(data), data);
  }
  writer.row(9, 6, ROW_KIND.lost, 0, undefined);
  writer.region(2, 1, 6);
  writer.activity([{ second: 1, records: 2, writes: 1, trims: 1, flushes: 0, bytes: 96 }]);
  writer.beginGroup(1);
  writer.record({ ...RECORD, seq: 5 } as LayerRecord);
  return writer.finish({ fromLsn: 1, toLsn: 9, inputs: [] });
};

const openSmall = (storage: MemoryStorage): Promise<LayerFile> =>
  LayerFile.open({
    ...{ storage, path: PATH, layer: LAYER },
    caches: new LayerCaches({ pageBytesMax: 1e6, chunkBytesMax: 1e6, blockBytesMax: 1e6 }),
  });

/** The answer as a text, or the code of the error: nothing but CORRUPTION is let through. */
const answer = async (work: () => unknown): Promise<string> => {
  try {
    return JSON.stringify(await work());
  } catch (error) {
    if (error instanceof RetraceError && error.code === 'CORRUPTION') {
      expect(error.details).toHaveProperty('place');
      return error.code;
    }
    throw error;
  }
};

/** All that can be asked of the small layer. */
const answers = async (file: LayerFile): Promise<string[]> => {
  const volume = file.volume(1)!;
  const group = file.group(1)!;
  const all: string[] = [];
  const blockAt = async (block: number, seq: number): Promise<unknown> => {
    const [piece] = await volume.pieces(block, 1, seq, { piecesMax: 1 });
    const target = Buffer.alloc(BLOCK_BYTES);
    if (piece!.place !== undefined) await volume.read(piece!.place, target, 0);
    return [piece!.kind, piece!.seq, target.toString('hex')];
  };
  for (const seq of [4, 5, 6, 7]) {
    for (const block of [3, 4, 5, 9]) all.push(await answer(() => blockAt(block, seq)));
    all.push(await answer(() => volume.dataRuns(0, 20, seq, { piecesMax: 9 })));
  }
  all.push(await answer(async () => (await collect(volume.scanRegions())).flat()));
  all.push(await answer(() => volume.activity()));
  all.push(await answer(() => collect(group.scan())));
  all.push(await answer(() => group.lastSeqAtTime(5000)));
  return all;
};

/** What opening and verifying say. */
const damagesOf = async (storage: MemoryStorage): Promise<readonly Pick<Damage, 'place'>[]> => {
  try {
    return await verifyLayer(await openSmall(storage));
  } catch (error) {
    if (error instanceof RetraceError && error.code === 'CORRUPTION') {
      return [{ place: String(error.details.place) }];
    }
    throw error;
  }
};

/** The same layer with another directory, all checksums and the digest in order. */
const forged = async (
  stored: MemoryStorage,
  change: (directory: LayerDirectory) => object,
): Promise<MemoryStorage> => {
  const bytes = stored.content(PATH);
  const footer = decodeLayerFooter(bytes.subarray(-LAYER_FOOTER_BYTES));
  if (typeof footer === 'string') throw new Error(footer);
  const { position, bytes: length, plainBytes, codec } = footer.directory;
  const options = { plainBytesMax: plainBytes, place: PATH };
  const old = decompress(codec, bytes.subarray(position, position + length), plainBytes, options);
  const directory = decodeLayerDirectory(old);
  const plain = encodeLayerDirectory({ ...directory, ...change(directory) });
  const before = Buffer.concat([bytes.subarray(0, position), plain]);
  const forgedFooter = encodeLayerFooter({
    layer: footer.layer,
    fileBytes: before.length + LAYER_FOOTER_BYTES,
    directory: {
      ...{ position, bytes: plain.length, plainBytes: plain.length, codec: CODEC.raw },
      crc: crc32c(plain),
    },
    sha256: createHash('sha256').update(before).digest(),
  });
  const storage = new MemoryStorage(new Chance(1));
  await (await storage.open(PATH, 'create')).writev([before, forgedFooter], 0);
  return storage;
};

describe('a damaged layer', () => {
  it('shows each flipped bit to verify, and none to a reader as data', async () => {
    const storage = new MemoryStorage(new Chance(1));
    await writeSmall(storage);
    expect(await damagesOf(storage)).toEqual([]);
    const wanted = await answers(await openSmall(storage));
    expect(wanted.some((text) => text.includes('CORRUPTION'))).toBe(false);
    const content = storage.content(PATH);
    let refused = 0;
    let hit = 0;
    for (let bit = 0; bit < content.length * 8; bit++) {
      content[bit >>> 3]! ^= 1 << (bit & 7);
      if ((await damagesOf(storage)).length === 0) expect(`bit ${bit} is not noticed`).toBe('');
      const file = await openSmall(storage).catch(() => undefined);
      if (file === undefined) refused++;
      else if (bit % 8 === (bit >>> 3) % 8) {
        const got = await answers(file);
        if (got.includes('CORRUPTION')) hit++;
        got.forEach((text, index) => {
          if (text !== 'CORRUPTION' && text !== wanted[index]) expect(text).toBe(wanted[index]);
        });
      }
      content[bit >>> 3]! ^= 1 << (bit & 7);
    }
    // Each of the three ways happened: refused at opening, met by a reader, met by verify only.
    expect(refused).toBeGreaterThan(LAYER_FOOTER_BYTES * 8);
    expect(hit).toBeGreaterThan(100);
    expect(hit).toBeLessThan(content.length - refused / 8);
  }, 60_000);

  it('whose directory is not true, though its checksums are, is found by verify', async () => {
    const stored = new MemoryStorage(new Chance(1));
    await writeSmall(stored);
    const more = (entry: object, field: string): object => {
      const value = (entry as Readonly<Record<string, number | number[]>>)[field]!;
      return { ...entry, [field]: typeof value === 'number' ? value + 1 : [...value, 9] };
    };
    const changes: ((directory: LayerDirectory) => object)[] = [];
    for (const field of ['rows', 'regions', 'dataBytes', 'firstBlock', 'lastBlock', 'levels']) {
      changes.push(({ volumes }) => ({ volumes: volumes.map((volume) => more(volume, field)) }));
    }
    for (const field of ['fromSeq', 'toSeq', 'blockBytes', 'seconds']) {
      changes.push(({ volumes }) => ({ volumes: volumes.map((volume) => more(volume, field)) }));
    }
    for (const field of ['fromSeq', 'toSeq', 'records']) {
      changes.push(({ groups }) => ({ groups: groups.map((group) => more(group, field)) }));
    }
    changes.push(() => ({ serverUuid: '3f0c1d52-8a2e-4a8e-9a55-0c1b7b6d9e11' }));
    changes.push(() => ({ layer: LAYER + 1 }));
    for (const change of [() => ({}), ...changes]) {
      const storage = await forged(stored, change);
      const damages = await damagesOf(storage);
      const isFound = damages.length > 0;
      expect([String(change), isFound]).toEqual([String(change), changes.includes(change)]);
    }
  });

  it('that is cut off anywhere is refused', async () => {
    const whole = new MemoryStorage(new Chance(1));
    const { bytes } = await writeSmall(whole);
    for (let length = 0; length < bytes; length += 7) {
      const storage = whole.copy();
      storage.truncate(PATH, length);
      expect(await answer(() => openSmall(storage))).toBe('CORRUPTION');
    }
  });

  it('is refused when it is another one than was asked for, or longer, or missing', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const { bytes, digest } = await writeSmall(storage);
    const caches = new LayerCaches({ pageBytesMax: 0, chunkBytesMax: 0, blockBytesMax: 0 });
    const right = { storage, path: PATH, layer: LAYER, bytes, digest, caches };
    await (await LayerFile.open(right)).close();
    for (const wrong of [
      { layer: LAYER + 1 },
      { bytes: bytes + 1 },
      { digest: 'ab'.repeat(32) },
      { path: 'b.layer' },
    ]) {
      expect(await answer(() => LayerFile.open({ ...right, ...wrong }))).toBe('CORRUPTION');
    }
    const file = await storage.open(PATH, 'update');
    await file.writev([Buffer.alloc(1)], bytes);
    expect(await answer(() => openSmall(storage))).toBe('CORRUPTION');
  });

  it('costs a scan the damaged chunk, by name, and a reader what lies in it', async () => {
    const chance = new Chance(3);
    const storage = new MemoryStorage(chance);
    const model = randomLayer(new Chance(40), 100);
    // Raw: only the chunk's own checksum tells that more than one block may be wrong.
    await writeLayer(storage, PATH, model, { ...SMALL_LIMITS, compressionLevel: 0 });
    const before = await openSmall(storage);
    const volume = before.volumes().find(({ rows }) => rows > 20)!;
    const pages = (await volume.rowPages())!;
    const { chunks } = await pages.read(pages.count - 1);
    storage.content(PATH)[chunks[0]!.position]! ^= 4;
    const file = await openSmall(storage);
    const damaged: number[] = [];
    let rows = 0;
    let damagedRows = 0;
    for await (const batch of file.volume(volume.volumeId)!.scanRows()) {
      rows += batch.count;
      if (batch.damage !== undefined) damagedRows += batch.count;
      for (let row = 0; row < batch.count; row++) {
        if (batch.kind(row) !== ROW_KIND.data) continue;
        try {
          batch.data(row);
        } catch (error) {
          const place = `${PATH} byte ${chunks[0]!.position}`;
          expect(error).toMatchObject({ code: 'CORRUPTION', details: { place } });
          damaged.push(rows);
        }
      }
    }
    expect(rows).toBe(volume.rows);
    expect(damagedRows).toBe(chunks[0]!.rows);
    expect(damaged.length).toBeGreaterThan(0);
    expect(new Set(damaged).size).toBe(1);
    const [digest, ...others] = await verifyLayer(file);
    expect(digest!.message).toContain('digest');
    expect(others).toHaveLength(1);
    expect(others[0]!.place).toBe(`${PATH} byte ${chunks[0]!.position}`);
  });

  it('with blocks not those of their checksums fails by volume, block and seq', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const writer = await makeWriter(storage, PATH, { compressionLevel: 1 });
    writer.beginVolume({ volumeId: 6, groupId: 1, blockBytes: 512 });
    writer.row(2, 8, ROW_KIND.data, 12345, Buffer.alloc(512, 'x'));
    await writer.finish({ fromLsn: 1, toLsn: 1, inputs: [] });
    const file = await openSmall(storage);
    const volume = file.volume(6)!;
    const [piece] = await volume.pieces(2, 1, 8, { piecesMax: 1 });
    const details = { volumeId: 6, block: 2, seq: 8, place: `${PATH} byte 64` };
    const wanted = { code: 'CORRUPTION', details };
    const read = async () => volume.read(piece!.place!, Buffer.alloc(512), 0);
    await expect(read()).rejects.toMatchObject(wanted);
    await expect(read()).rejects.toMatchObject(wanted);
    expect(await verifyLayer(file)).toHaveLength(1);
  });
});
