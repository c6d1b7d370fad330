import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RetraceError } from '@retrace/core';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { resolveLimits, type ServerLimits } from '../../limits.js';
import { memoryView } from '../../testing/fake-journal.js';
import { ScratchOverlay } from './scratch-overlay.js';
import { ScratchSpace } from './scratch-space.js';

const KIB = 1024;
const NAME = 'scratch:web-01/root@seq:7';

const makeSpace = async (limits: Partial<ServerLimits> = {}) => {
  const directory = await mkdtemp(join(tmpdir(), 'retrace-scratch-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return { directory, space: new ScratchSpace(directory, resolveLimits(limits)) };
};

const makeOverlay = (space: ScratchSpace, image: Buffer): ScratchOverlay => {
  space.enter(NAME);
  return new ScratchOverlay(memoryView(image, 4096), space, NAME);
};

type Step =
  | { readonly kind: 'write' | 'zero'; readonly at: number; readonly length: number; fill: number }
  | { readonly kind: 'read'; readonly at: number; readonly length: number };

it('reads what a plain buffer with the same changes holds, wherever it is', async () => {
  const { space } = await makeSpace({ scratchMemoryBytesMax: 64 * KIB });
  // An odd size: the last block is short.
  const sizeBytes = 300 * KIB + 123;
  const base = Buffer.from(Array.from({ length: sizeBytes }, (_, i) => (i * 7) & 0xff));
  const place = { at: fc.nat(sizeBytes - 1), length: fc.integer({ min: 1, max: 40 * KIB }) };
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), ...place, fill: fc.nat(255) }),
    fc.record({ kind: fc.constant('zero' as const), ...place, fill: fc.constant(0) }),
    fc.record({ kind: fc.constant('read' as const), ...place }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      async (steps, wait) => {
        const overlay = makeOverlay(space, base);
        const model = Buffer.from(base);
        const pending: Promise<void>[] = [];
        for (const each of steps) {
          const length = Math.min(each.length, sizeBytes - each.at);
          if (each.kind === 'read') {
            await Promise.all(pending.splice(0));
            const target = Buffer.alloc(length, 0xee);
            await overlay.read(each.at, target);
            expect(target.equals(model.subarray(each.at, each.at + length))).toBe(true);
            continue;
          }
          const data = Buffer.alloc(length, each.fill);
          // Without waiting, changes queue up; they must be made in the order of asking.
          const done =
            each.kind === 'write' ? overlay.write(each.at, data) : overlay.zero(each.at, length);
          if (done !== undefined) pending.push(done);
          if (wait) await pending.at(-1);
          data.copy(model, each.at);
        }
        await overlay.settled();
        const all = Buffer.alloc(sizeBytes);
        await overlay.read(0, all);
        expect(all.equals(model)).toBe(true);
        let covered = 0;
        for (const { length, zero } of await overlay.extents(0, sizeBytes, 10_000)) {
          if (zero)
            expect(all.subarray(covered, covered + length).every((b) => b === 0)).toBe(true);
          covered += length;
        }
        expect(covered).toBe(sizeBytes);
        await overlay.close();
      },
    ),
    { numRuns: 60 },
  );
  expect(space.held).toEqual({ memoryBytes: 0, fileBytes: 0 });
});

it('is full by name, keeps what it has, and gives room back', async () => {
  const { space } = await makeSpace({ scratchMemoryBytesMax: 8 * KIB, scratchBytesMax: 32 * KIB });
  const overlay = makeOverlay(space, Buffer.alloc(1 << 20, 5));
  await overlay.write(0, Buffer.alloc(32 * KIB, 1));
  await expect(async () => overlay.write(64 * KIB, Buffer.alloc(4096))).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: `${NAME}: it holds as much as it may`,
  });
  const target = Buffer.alloc(4096);
  await overlay.read(64 * KIB, target);
  expect(target.every((byte) => byte === 5)).toBe(true);
  await overlay.zero(0, 32 * KIB);
  expect(space.held).toEqual({ memoryBytes: 0, fileBytes: 0 });
  await overlay.write(64 * KIB, Buffer.alloc(4096, 9));
  await overlay.close();
});

it('shares the limits of all scratch exports and leaves no file behind', async () => {
  const { directory, space } = await makeSpace({
    ...{ scratchMemoryBytesMax: 4 * KIB, scratchMemoryTotalBytesMax: 4 * KIB },
    ...{ scratchTotalBytesMax: 16 * KIB, scratchesMax: 2 },
  });
  const [one, two] = [
    makeOverlay(space, Buffer.alloc(1 << 20)),
    makeOverlay(space, Buffer.alloc(1 << 20)),
  ];
  expect(() => space.enter(NAME)).toThrow(
    new RetraceError('SERVER_BUSY', `${NAME}: 2 scratch exports are open already`),
  );
  await one.write(0, Buffer.alloc(16 * KIB, 1));
  await expect(async () => two.write(0, Buffer.alloc(8 * KIB))).rejects.toMatchObject({
    code: 'DISK_FULL',
  });
  await two.write(0, Buffer.alloc(4 * KIB, 2));
  expect(await readdir(directory)).toEqual([]);
  await one.close();
  await two.close();
  space.enter(NAME);
});

it('names the export and the reason when its file fails', async () => {
  const { directory, space } = await makeSpace({ scratchMemoryBytesMax: 4 * KIB });
  const overlay = makeOverlay(space, Buffer.alloc(1 << 20));
  await rm(directory, { recursive: true });
  await expect(overlay.write(0, Buffer.alloc(8 * KIB))).rejects.toMatchObject({
    code: 'STORAGE_FAILED',
    message: `${NAME}: its scratch file failed: ENOENT`,
  });
  await overlay.close();
});

it('removes what an earlier run left', async () => {
  const { directory, space } = await makeSpace();
  await writeFile(join(directory, '77-1.scratch'), 'left');
  await space.clear();
  expect(await readdir(directory)).toEqual([]);
});

it('a zero over a whole TiB is quick and reads as zeros', async () => {
  const { space } = await makeSpace();
  const sizeBytes = 2 ** 40;
  const overlay = new ScratchOverlay(
    {
      ...{ sizeBytes, blockBytes: 4096 },
      read: (_offset, target) => void target.fill(1),
      extents: (_offset, length) => [{ length, hole: false, zero: false }],
      close: () => undefined,
    },
    space,
    NAME,
  );
  space.enter(NAME);
  await overlay.zero(1000, sizeBytes - 1000);
  const target = Buffer.alloc(8192);
  await overlay.read(sizeBytes / 2, target);
  expect(target.every((byte) => byte === 0)).toBe(true);
  await overlay.read(0, target);
  expect(target.subarray(0, 1000).every((byte) => byte === 1)).toBe(true);
  expect(target.subarray(1000).every((byte) => byte === 0)).toBe(true);
  expect(await overlay.extents(0, sizeBytes, 10)).toEqual([
    { length: 4096, hole: false, zero: false },
    { length: sizeBytes - 4096, hole: true, zero: true },
  ]);
  await overlay.close();
});
