import { RECORD_KIND } from '@retrace/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HotIndex } from './hot-index.js';

const BLOCKS = 700;
const NO_CHECKSUMS = new Uint32Array(0);
const unlimited = () => ({ lookups: Number.MAX_SAFE_INTEGER, piecesMax: Number.MAX_SAFE_INTEGER });

interface Range {
  readonly volumeId: number;
  readonly start: number;
  readonly blocks: number;
}

const range = (base: number): fc.Arbitrary<Range> =>
  fc
    .tuple(fc.integer({ min: 1, max: 2 }), fc.nat(BLOCKS - 1), fc.integer({ min: 1, max: BLOCKS }))
    .map(([volumeId, start, blocks]) => ({
      volumeId,
      start: base + start,
      blocks: Math.min(blocks, BLOCKS - start),
    }));

/** A small range most of the time: chains grow long only where ranges meet often. */
const ranges = (base: number) =>
  fc.array(
    fc.oneof(
      range(base),
      range(base).map((r) => ({ ...r, blocks: 1 })),
      range(base).map((r) => ({ ...r, start: base + (r.start % 8), blocks: 1 })),
    ),
    { minLength: 1, maxLength: 120 },
  );

/** How the records before `until` are added: as at a start, with so many expected and waiting. */
interface Load {
  readonly until: number;
  readonly expected: number;
  readonly pendingMax: number;
}

const loads: fc.Arbitrary<Load | undefined> = fc.option(
  fc.record({
    until: fc.nat(130),
    expected: fc.oneof(fc.constant(0), fc.nat(5000), fc.nat(1_000_000)),
    pendingMax: fc.integer({ min: 1, max: 200 }),
  }),
  { nil: undefined },
);

const fill = (list: readonly Range[], load?: Load) => {
  const index = new HotIndex();
  if (load !== undefined) index.beginLoad(load.expected, load.pendingMax);
  list.forEach((r, i) => {
    if (i === load?.until) index.endLoad();
    const extent = {
      seq: i + 1,
      kind: RECORD_KIND.zero,
      startBlock: r.start,
      blocks: r.blocks,
      segment: 0,
      position: 0,
      payloadBytes: 0,
    };
    index.add(r.volumeId, extent, NO_CHECKSUMS, 4096);
  });
  if (load !== undefined) index.endLoad();
  return index;
};

const newestBefore = (list: readonly Range[], volumeId: number, seq: number, block: number) => {
  for (let i = Math.min(seq, list.length); i > 0; i--) {
    const r = list[i - 1]!;
    if (r.volumeId === volumeId && block >= r.start && block < r.start + r.blocks) return i;
  }
  return 0;
};

describe('HotIndex', () => {
  // The second base makes block numbers need more than 32 bits.
  for (const base of [0, 2 ** 40 - 64]) {
    it(`finds what a naive search finds, blocks from ${base}`, () => {
      fc.assert(
        fc.property(ranges(base), loads, fc.nat(130), fc.nat(BLOCKS - 1), (list, load, seq, at) => {
          const index = fill(list, load);
          for (const volumeId of [1, 2]) {
            const pieces = index.pieces(volumeId, seq, base, BLOCKS, unlimited());
            let next = base;
            for (const piece of pieces) {
              expect(piece.startBlock).toBe(next);
              for (let block = next; block < next + piece.blocks; block++) {
                const found = piece.extent === 0 ? 0 : index.extents.seq(piece.extent);
                expect(found).toBe(newestBefore(list, volumeId, seq, block));
              }
              next += piece.blocks;
            }
            expect(next).toBe(base + BLOCKS);
            const single = index.extentAt(volumeId, seq, base + at);
            const expected = newestBefore(list, volumeId, seq, base + at);
            expect(single === 0 ? 0 : index.extents.seq(single)).toBe(expected);
          }
        }),
        { numRuns: 150 },
      );
    });
  }

  it('answers a range over a tebibyte without visiting its blocks', () => {
    const blocks = 2 ** 28;
    const index = fill([
      { volumeId: 1, start: 0, blocks },
      { volumeId: 1, start: 12_345_678, blocks: 1 },
    ]);
    const budget = unlimited();
    const pieces = index.pieces(1, 2, 0, blocks, budget);
    expect(pieces.map((piece) => piece.blocks)).toEqual([12_345_678, 1, blocks - 12_345_679]);
    expect(Number.MAX_SAFE_INTEGER - budget.lookups).toBeLessThan(5000);
  });

  it('stops early, at consecutive pieces, when the budget is used up', () => {
    const list = Array.from({ length: 500 }, (_, i) => ({ volumeId: 1, start: i, blocks: 1 }));
    const pieces = fill(list).pieces(1, 500, 0, 500, { lookups: 1e9, piecesMax: 10 });
    expect(pieces.map((piece) => piece.startBlock)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('finds runs of data one by one at the cost of each, however fragmented', () => {
    const blocks = 100_000;
    const index = new HotIndex();
    for (let i = 0; i < blocks; i++) {
      // Pairs of written blocks, then pairs of trimmed ones.
      const kind = i % 4 < 2 ? RECORD_KIND.write : RECORD_KIND.trim;
      const extent = { seq: i + 1, kind, startBlock: i, blocks: 1, segment: 1 };
      index.add(1, { ...extent, position: 0, payloadBytes: 4096 }, NO_CHECKSUMS, 4096);
    }
    let lookups = 0;
    for (let at = 0; at < blocks; ) {
      const budget = { lookups: 1e9, piecesMax: 1 };
      const [run] = index.dataRuns(1, blocks, at, blocks - at, budget);
      expect(run).toEqual({ startBlock: at, blocks: 2, extent: at % 4 === 0 ? 1 : 2 });
      lookups += 1e9 - budget.lookups;
      at += run!.blocks;
    }
    expect(lookups / blocks).toBeLessThan(20);
  });

  it('keeps an extent of more blocks than 32 bits can count', () => {
    const index = fill([{ volumeId: 1, start: 3, blocks: 2 ** 40 }]);
    for (const block of [3, 2 ** 39, 2 ** 40 + 2]) expect(index.extentAt(1, 1, block)).not.toBe(0);
    expect(index.extentAt(1, 1, 2 ** 40 + 3)).toBe(0);
  });

  it('finds an old version of a block that was overwritten a hundred thousand times', () => {
    const list = Array.from({ length: 100_000 }, () => ({ volumeId: 1, start: 7, blocks: 1 }));
    const index = fill(list);
    for (const seq of [1, 2, 3, 49_999, 65_536, 99_999, 100_000]) {
      expect(index.extents.seq(index.extentAt(1, seq, 7))).toBe(seq);
    }
  });
});
