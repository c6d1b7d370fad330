import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BLOCK, BlockMap, type BlockState } from './block-map.js';

const BLOCKS = 20_000;

it('agrees with a plain array after any runs', () => {
  const run = fc.record({
    start: fc.nat(BLOCKS - 1),
    count: fc.integer({ min: 1, max: BLOCKS }),
    state: fc.constantFrom<BlockState>(0, 1, 2, 3),
  });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 12 }), fc.nat(BLOCKS - 1), (runs, at) => {
      const map = new BlockMap(BLOCKS, 1 << 20);
      const model = new Uint8Array(BLOCKS);
      for (const { start, count, state } of runs) {
        const fits = Math.min(count, BLOCKS - start);
        map.set(start, fits, state);
        model.fill(state, start, start + fits);
      }
      for (let block = 0; block < BLOCKS; ) {
        const found = map.runAt(block, BLOCKS);
        expect(found.count).toBeGreaterThan(0);
        const same = model.subarray(block, block + found.count).every((s) => s === found.state);
        expect(same).toBe(true);
        if (block + found.count < BLOCKS) expect(model[block + found.count]).not.toBe(found.state);
        block += found.count;
      }
      expect(map.get(at)).toBe(model[at]);
    }),
    { numRuns: 200 },
  );
});

it('takes little for a range over a whole TiB, and says when it is full', () => {
  const blocks = 2 ** 28;
  const map = new BlockMap(blocks, 16 << 20);
  expect(map.hasRoom(0, blocks)).toBe(true);
  map.set(0, blocks, BLOCK.zero);
  expect(map.bytes).toBeLessThan(9 << 20);
  let pages = 0;
  while (map.hasRoom(pages * 4096, 1)) {
    map.set(pages * 4096, 1, BLOCK.memory);
    pages += 1;
  }
  expect(map.bytes).toBeLessThanOrEqual(16 << 20);
  expect(pages).toBeGreaterThan(1000);
});
