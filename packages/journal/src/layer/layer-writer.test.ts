import { crc32c } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { makeTempStorage } from '../storage/testing/temp-storage.js';
import { LayerCaches } from './layer-caches.js';
import { LayerFile } from './layer-file.js';
import { ROW_KIND } from './rows.js';
import { LAYER, makeWriter } from './testing/layer-model.js';
import { verifyLayer } from './verify-layer.js';

const PATH = 'a.layer';
const BLOCK = Buffer.alloc(512, 'x');
const CRC = crc32c(BLOCK);
const CACHES = { pageBytesMax: 1e6, chunkBytesMax: 1e6, blockBytesMax: 1e6 };

const open = (storage: MemoryStorage) =>
  LayerFile.open({ storage, path: PATH, layer: LAYER, caches: new LayerCaches(CACHES) });

describe('the writer of a layer', () => {
  it('refuses what is out of order', async () => {
    const writer = await makeWriter(new MemoryStorage(new Chance(1)), PATH);
    const data = (block: number, seq: number) => writer.row(block, seq, ROW_KIND.data, CRC, BLOCK);
    expect(() => data(1, 1)).toThrow('rows belong to a volume');
    writer.beginVolume({ volumeId: 2, groupId: 1, blockBytes: 512 });
    data(5, 5);
    data(5, 6);
    expect(() => data(5, 6)).toThrow('ascend');
    expect(() => data(4, 9)).toThrow('ascend');
    expect(() => writer.row(6, 1, ROW_KIND.zero, 0, BLOCK)).toThrow('data rows have data');
    expect(() => writer.row(6, 1, ROW_KIND.data, 0, Buffer.alloc(513))).toThrow('one block');
    writer.region(1, 1, 1);
    expect(() => writer.region(0, 9, 9)).toThrow('ascend');
    expect(() => data(9, 9)).toThrow('first');
    writer.activity([]);
    expect(() => writer.region(9, 9, 9)).toThrow('before the activity');
    expect(() => writer.beginVolume({ volumeId: 2, groupId: 1, blockBytes: 512 })).toThrow(
      'ascend',
    );
    writer.beginGroup(1);
    expect(() => writer.beginGroup(1)).toThrow('ascend');
    expect(() => writer.beginVolume({ volumeId: 3, groupId: 1, blockBytes: 512 })).toThrow(
      'before',
    );
    await writer.abort();
  });

  it('makes a new file only, syncs it, and removes it when it gives up', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const writer = await makeWriter(storage, PATH);
    await expect(makeWriter(storage, PATH)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await writer.finish({ fromLsn: 1, toLsn: 1, inputs: [] });
    await storage.syncDirectory('');
    const after = storage.afterCrash();
    expect(await verifyLayer(await open(after))).toEqual([]);
    const other = await makeWriter(storage, 'b.layer');
    await other.flush();
    await other.abort();
    expect(await storage.list('')).toEqual([PATH]);
  });

  it('fails by name where the disk fails, at any step, and can be given up', async () => {
    for (let step = 1; step < 20; step++) {
      const storage = new MemoryStorage(new Chance(step));
      let failed = false;
      storage.plan = (access) => {
        if (access.step !== step) return undefined;
        failed = true;
        return { fault: 'error', code: 'ENOSPC' };
      };
      const write = async () => {
        const writer = await makeWriter(storage, PATH);
        try {
          writer.beginVolume({ volumeId: 2, groupId: 1, blockBytes: 512 });
          for (let block = 0; block < 40; block++) {
            writer.row(block, 1, ROW_KIND.data, CRC, BLOCK);
            if (block % 10 === 0) await writer.flush();
          }
          await writer.finish({ fromLsn: 1, toLsn: 1, inputs: [] });
        } catch (error) {
          await writer.abort();
          throw error;
        }
      };
      const code = await write().then(
        () => 'written',
        (error: { readonly code: string }) => error.code,
      );
      expect(code).toBe(failed ? 'DISK_FULL' : 'written');
      expect(await storage.list('')).toEqual(failed ? [] : [PATH]);
      if (failed) continue;
      expect(step).toBeGreaterThan(5);
      return;
    }
    throw new Error('the disk failed at every step');
  });

  it('fails at the next flush when one has failed: bytes are missing', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const writer = await makeWriter(storage, PATH);
    storage.plan = ({ kind }) => (kind === 'writev' ? { fault: 'error', code: 'EIO' } : undefined);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    storage.plan = () => undefined;
    await expect(writer.flush()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    const finish = writer.finish({ fromLsn: 1, toLsn: 1, inputs: [] });
    await expect(finish).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});

describe('reading a layer', () => {
  it('goes over a hole of tebibytes by what there is', async () => {
    const storage = new MemoryStorage(new Chance(1));
    const writer = await makeWriter(storage, PATH);
    writer.beginVolume({ volumeId: 2, groupId: 1, blockBytes: 512 });
    writer.row(7, 3, ROW_KIND.data, CRC, BLOCK);
    writer.row(2 ** 40 + 5, 4, ROW_KIND.data, CRC, BLOCK);
    writer.region(39, 1, 9);
    await writer.finish({ fromLsn: 1, toLsn: 1, inputs: [] });
    const volume = (await open(storage)).volume(2)!;
    const budget = { piecesMax: 100 };
    const steps = storage.steps;
    expect(await volume.dataRuns(0, 2 ** 41, 9, budget)).toEqual([
      { startBlock: 0, blocks: 7, kind: 'none' },
      { startBlock: 7, blocks: 1, kind: 'data' },
      { startBlock: 8, blocks: 2 ** 39 - 8, kind: 'none' },
      { startBlock: 2 ** 39, blocks: 2 ** 39, kind: 'zero' },
      { startBlock: 2 ** 40, blocks: 5, kind: 'none' },
      { startBlock: 2 ** 40 + 5, blocks: 1, kind: 'data' },
      { startBlock: 2 ** 40 + 6, blocks: 2 ** 40 - 6, kind: 'none' },
    ]);
    expect(storage.steps - steps).toBe(4);
  });

  it('needs no promise once it is in memory', async () => {
    const { storage, remove } = await makeTempStorage();
    for (const compressionLevel of [0, 1]) {
      const path = `${compressionLevel}.layer`;
      const writer = await makeWriter(storage as never, path, { compressionLevel });
      writer.beginVolume({ volumeId: 2, groupId: 1, blockBytes: 512 });
      for (let block = 0; block < 9; block++) writer.row(block, 3, ROW_KIND.data, CRC, BLOCK);
      writer.region(0, 4, 9);
      await writer.finish({ fromLsn: 1, toLsn: 1, inputs: [] });
      const caches = new LayerCaches(CACHES);
      const file = await LayerFile.open({ storage, path, layer: LAYER, caches });
      const volume = file.volume(2)!;
      const first = volume.pieces(3, 1, 9, { piecesMax: 9 });
      expect(first).toBeInstanceOf(Promise);
      const target = Buffer.alloc(600, 0x77);
      await volume.read((await first)[0]!.place!, target, 0);
      const again = volume.pieces(3, 1, 9, { piecesMax: 9 });
      expect(again).toHaveLength(1);
      const { place } = (again as Exclude<typeof again, Promise<unknown>>)[0]!;
      expect(volume.read(place!, target, 500)).toBeUndefined();
      expect(target.equals(Buffer.concat([BLOCK.subarray(500), Buffer.alloc(588)]))).toBe(true);
      await file.close();
      expect(caches.pages.bytes + caches.chunks.bytes).toBe(0);
      await expect(file.volume(2)!.activity()).resolves.toEqual([]);
      const late = async () => volume.pieces(3, 1, 9, { piecesMax: 9 });
      await expect(late()).rejects.toMatchObject({ code: 'JOURNAL_CLOSED' });
    }
    await remove();
  });
});
