import { RECORD_FLAG, RECORD_KIND } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../test/lib/seeded-random.js';
import { systemScheduler } from '../system/scheduler.js';
import { applyRecord } from '../testing/fake-server.js';
import { MemoryDisk } from '../testing/memory-disk.js';
import { VolumeBench } from '../testing/volume-bench.js';
import { FullCopy } from './full-copy.js';

const BLOCK = 4096;
const LIMITS = { copyChunkBytes: 8 * BLOCK, copyRegionBytesMax: 32 * BLOCK };

const copyOf = (bench: VolumeBench): FullCopy => {
  const { volume, stream, room, limits } = bench;
  return new FullCopy({ volume, stream, room, limits, scheduler: systemScheduler }, () => true);
};

const replay = (bench: VolumeBench): Buffer => {
  const disk = Buffer.alloc(bench.volume.sizeBytes, 0xee);
  for (const record of bench.records()) applyRecord(disk, record);
  return disk;
};

describe('a full copy', () => {
  it.each([true, false])(
    'with writes all the while ends as the disk (sparse: %s)',
    async (sparse) => {
      const random = seededRandom();
      const disk = new MemoryDisk(Buffer.alloc(200 * BLOCK + 100));
      disk.sparse = sparse;
      random.bytes(60 * BLOCK).copy(disk.bytes, 20 * BLOCK);
      const bench = new VolumeBench({ disk, limits: LIMITS });
      let isDone = false;
      const copying = copyOf(bench)
        .run()
        .finally(() => {
          isDone = true;
        });
      let during = 0;
      while (!isDone) {
        const length = random.integer(1, 3 * BLOCK);
        const offset = random.integer(0, disk.sizeBytes - length);
        const written = random.chance(0.7)
          ? bench.write(offset & -BLOCK, random.bytes(BLOCK).subarray(0, disk.sizeBytes - offset))
          : bench.writeZeroes(offset, length);
        if (random.chance(0.5)) await written;
        else await new Promise((resolve) => setImmediate(resolve));
        during += 1;
      }
      expect(await copying).toEqual({ kind: 'queued', n: expect.any(Number) as number });
      await bench.volume.locks.acquire(0, disk.sizeBytes);
      expect(during).toBeGreaterThan(10);
      expect(replay(bench).equals(disk.bytes)).toBe(true);
    },
  );

  it('looks again at a hole it had to wait for', async () => {
    const disk = new MemoryDisk(Buffer.alloc(64 * BLOCK));
    disk.sparse = true;
    const bench = new VolumeBench({ disk, limits: LIMITS });
    const held = await bench.volume.locks.acquire(10 * BLOCK, 11 * BLOCK);
    const copying = copyOf(bench).run();
    await new Promise((resolve) => setImmediate(resolve));
    disk.bytes.fill(7, 10 * BLOCK, 11 * BLOCK);
    bench.stream.write(0, 0, 10 * BLOCK, Buffer.alloc(BLOCK, 7));
    held.release();
    await copying;
    expect(replay(bench).equals(disk.bytes)).toBe(true);
  });

  it('takes few records for many zeros, however they are stored', async () => {
    for (const sparse of [true, false]) {
      const disk = new MemoryDisk(Buffer.alloc(512 * BLOCK));
      disk.sparse = sparse;
      const bench = new VolumeBench({ disk, limits: LIMITS });
      await copyOf(bench).run();
      const copied = bench.records().filter(({ flags }) => flags === RECORD_FLAG.syncCopy);
      expect(copied.every(({ kind }) => kind === RECORD_KIND.zero)).toBe(true);
      expect(copied.length).toBeLessThan(20);
      expect(replay(bench).equals(disk.bytes)).toBe(true);
    }
  });

  it('uses no more than half of the queue', async () => {
    const disk = new MemoryDisk(Buffer.alloc(256 * BLOCK, 1));
    const queueBytesMax = 64 * BLOCK;
    const bench = new VolumeBench({ disk, limits: { ...LIMITS, queueBytesMax } });
    const copying = copyOf(bench).run();
    let most = 0;
    let isDone = false;
    void copying.then(() => {
      isDone = true;
    });
    const image = Buffer.alloc(disk.sizeBytes);
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, bench.queue.bytes);
      const [record] = bench.records();
      if (record === undefined) continue;
      applyRecord(image, record);
      bench.queue.dropThrough(record.n);
      bench.room.freed();
    }
    for (const record of bench.records()) applyRecord(image, record);
    expect(most).toBeLessThanOrEqual(queueBytesMax / 2);
    expect(image.equals(disk.bytes)).toBe(true);
  });

  it('is abandoned when the stream is lost meanwhile', async () => {
    const disk = new MemoryDisk(Buffer.alloc(256 * BLOCK, 1));
    const bench = new VolumeBench({ disk, limits: LIMITS });
    const copying = copyOf(bench).run();
    await new Promise((resolve) => setImmediate(resolve));
    bench.stream.stop();
    bench.volume.streamLost('queue-given-up', 'a test');
    expect(await copying).toEqual({ kind: 'abandoned' });
    expect(bench.queue.length).toBe(0);
  });
});
