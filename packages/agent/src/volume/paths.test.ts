import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_KIND } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../test/lib/seeded-random.js';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import type { Disk } from '../backing/disk.js';
import { openDisk } from '../backing/open-disk.js';
import { applyRecord } from '../testing/fake-server.js';
import { MemoryDisk, systemError } from '../testing/memory-disk.js';
import { VolumeBench } from '../testing/volume-bench.js';

const BLOCK = 4096;

/** Random requests, many at once; the records replayed equal the disk when none is in flight. */
const exercise = async (disk: Disk, initial: Buffer, image: () => Buffer): Promise<void> => {
  const random = seededRandom();
  const size = initial.length;
  const limits = { pooledIoBytesMin: 3 * BLOCK, zeroPieceBytesMin: 2 * BLOCK };
  const bench = new VolumeBench({ disk, limits: { ...limits, zeroPieceBytesMax: 4 * BLOCK } });
  const model = Buffer.from(initial);
  const snapshots: { n: number; image: Buffer }[] = [];
  for (let round = 0; round < 40; round++) {
    const running: Promise<void>[] = [];
    // Requests that overlap and are in flight together have no order; alone they have.
    const alone = random.chance(0.5);
    for (let i = random.integer(1, 12); i > 0; i--) {
      const offset = random.integer(0, size - 1) & (random.chance(0.5) ? -BLOCK : -1);
      const most = random.chance(0.2) ? size : 5 * BLOCK;
      const length = random.integer(1, Math.min(most, size - offset));
      const end = offset + length;
      const kind = random.integer(0, 4);
      if (kind <= 2) {
        const data = random.bytes(length);
        running.push(bench.write(offset, data));
        if (alone) data.copy(model, offset);
      } else if (kind === 3) {
        running.push(bench.trim(offset, length));
        const to = end === size ? end : end - (end % BLOCK);
        const from = Math.ceil(offset / BLOCK) * BLOCK;
        if (alone && from < to) model.fill(0, from, to);
      } else {
        running.push(bench.writeZeroes(offset, length, random.chance(0.5)));
        if (alone) model.fill(0, offset, end);
      }
      if (alone) await running.pop();
    }
    await Promise.all(running);
    if (alone) expect(image().equals(model)).toBe(true);
    else image().copy(model);
    snapshots.push({ n: bench.stream.position.n, image: Buffer.from(model) });
  }
  const replayed = Buffer.from(initial);
  const records = bench.records();
  let at = 0;
  for (const snapshot of snapshots) {
    for (; at < snapshot.n; at++) {
      const record = records[at]!;
      expect(record.n).toBe(at + 1);
      expect(record.offset % BLOCK).toBe(0);
      const end = record.offset + record.length;
      expect(end % BLOCK === 0 || end === size).toBe(true);
      applyRecord(replayed, record);
    }
    expect(replayed.equals(snapshot.image)).toBe(true);
  }
  expect(bench.volume.state).toBe('protected');
};

describe('records replayed equal the disk', () => {
  it('on a file of odd size', async () => {
    const path = join(tempDir(), 'disk');
    const initial = Buffer.alloc(40 * BLOCK + 777, 0xa5);
    writeFileSync(path, initial);
    const disk = openDisk(path);
    await exercise(disk, initial, () => readFileSync(path));
    disk.close();
  });

  it('on a disk that is never cached and cannot punch holes but by writing', async () => {
    const initial = Buffer.alloc(24 * BLOCK, 0x5a);
    const disk = new MemoryDisk(Buffer.from(initial));
    disk.cached = false;
    await exercise(disk, initial, () => disk.bytes);
  });

  it('with random faults of the disk', async () => {
    const random = seededRandom();
    const initial = Buffer.alloc(24 * BLOCK, 0x5a);
    const disk = new MemoryDisk(Buffer.from(initial));
    const bench = new VolumeBench({ disk, limits: { pooledIoBytesMin: 2 * BLOCK } });
    disk.fault = (call) => (call !== 'read' && random.chance(0.3) ? systemError('EIO') : undefined);
    let failed = 0;
    for (let round = 0; round < 60; round++) {
      const running: Promise<void>[] = [];
      for (let i = 0; i < 6; i++) {
        const offset = random.integer(0, disk.sizeBytes - 1);
        const length = random.integer(1, Math.min(4 * BLOCK, disk.sizeBytes - offset));
        running.push(
          random.chance(0.8)
            ? bench.write(offset, random.bytes(length))
            : bench.writeZeroes(offset, length),
        );
      }
      for (const { status } of await Promise.allSettled(running)) {
        if (status === 'rejected') failed += 1;
      }
      const replayed = Buffer.from(initial);
      for (const record of bench.records()) applyRecord(replayed, record);
      expect(replayed.equals(disk.bytes)).toBe(true);
    }
    expect(failed).toBeGreaterThan(10);
  });
});

describe('a write', () => {
  it('that is small, whole and alone is answered within the call', () => {
    const disk = new MemoryDisk(Buffer.alloc(8 * BLOCK));
    const bench = new VolumeBench({ disk });
    const { writes } = bench.paths;
    expect(writes.write(BLOCK, Buffer.alloc(BLOCK, 1), false, bench.gone.signal)).toBeUndefined();
    expect(writes.write(100, Buffer.alloc(10, 1), false, bench.gone.signal)).toBeInstanceOf(
      Promise,
    );
  });

  it('keeps its payload without a copy, and one record for one request', async () => {
    const disk = new MemoryDisk(Buffer.alloc(1 << 20));
    const bench = new VolumeBench({ disk });
    const data = Buffer.alloc(512 * 1024, 7);
    await bench.write(0, data);
    const [record, ...more] = bench.records();
    expect(more).toEqual([]);
    expect(record!.payload.buffer).toBe(data.buffer);
    expect(record!.checksums.length).toBe(128);
  });

  it('that fails is an error for the guest, and the journal has what is there', async () => {
    const disk = new MemoryDisk(Buffer.alloc(8 * BLOCK));
    const bench = new VolumeBench({ disk });
    disk.fault = (call) => (call === 'write' ? systemError('ENOSPC') : undefined);
    await expect(bench.write(0, Buffer.alloc(BLOCK, 1))).rejects.toMatchObject({ errno: 28 });
    const [record] = bench.records();
    expect(record!.payload.equals(disk.bytes.subarray(0, BLOCK))).toBe(true);
    expect(record!.payload[0]).toBe(1);
    expect(record!.payload[BLOCK - 1]).toBe(0);
  });

  it('that fails where nothing can be read any more opens a gap', async () => {
    const disk = new MemoryDisk(Buffer.alloc(8 * BLOCK));
    let copyDue = 0;
    const bench = new VolumeBench({ disk, listener: { copyDue: () => (copyDue += 1) } });
    disk.fault = () => systemError('EIO');
    await expect(bench.write(0, Buffer.alloc(BLOCK, 1))).rejects.toMatchObject({ errno: 5 });
    expect(bench.volume.state).toBe('resync-needed');
    expect(bench.volume.gap).toBe('local-read-failed');
    expect(bench.records().map(({ kind }) => kind)).toEqual([RECORD_KIND.mark]);
    expect(copyDue).toBe(1);
  });

  it('of a dead connection that waits for its lock is dropped', async () => {
    const disk = new MemoryDisk(Buffer.alloc(8 * BLOCK));
    const bench = new VolumeBench({ disk });
    const held = await bench.volume.locks.acquire(0, BLOCK);
    const write = bench.write(0, Buffer.alloc(BLOCK, 1));
    await new Promise((resolve) => setImmediate(resolve));
    bench.gone.abort(new Error('gone'));
    await expect(write).rejects.toThrow('gone');
    held.release();
    expect(disk.bytes[0]).toBe(0);
    expect(bench.queue.length).toBe(0);
  });
});

describe('trim', () => {
  it('changes nothing where holes cannot be punched; write-zeroes writes them', async () => {
    const disk = new MemoryDisk(Buffer.alloc(8 * BLOCK, 9));
    disk.canZero = false;
    const bench = new VolumeBench({ disk });
    await bench.trim(0, 4 * BLOCK);
    expect(disk.bytes.every((byte) => byte === 9)).toBe(true);
    expect(bench.queue.length).toBe(0);
    await bench.writeZeroes(BLOCK, 2 * BLOCK);
    expect(disk.bytes.subarray(BLOCK, 3 * BLOCK).every((byte) => byte === 0)).toBe(true);
    expect(bench.records().map(({ kind }) => kind)).toEqual([RECORD_KIND.zero]);
  });
});
