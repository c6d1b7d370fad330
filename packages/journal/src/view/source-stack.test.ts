import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockPiece, BlockSource, PieceKind, SourcePiece } from './block-source.js';
import { stackedPieces, stackedRuns } from './source-stack.js';

const BLOCKS = 24;
const unlimited = () => ({ lookups: 1e9, piecesMax: 1e9 });

/** A source that answers from a list of kinds, in pieces of one block, at once or later. */
const sourceOf = (kinds: readonly PieceKind[], later: boolean): BlockSource => {
  const answer = (start: number, blocks: number, piecesMax: number): SourcePiece[] =>
    Array.from({ length: Math.min(blocks, piecesMax) }, (_, i) => ({
      startBlock: start + i,
      blocks: 1,
      kind: kinds[start + i]!,
    }));
  const ask: BlockSource['pieces'] = (_seq, start, blocks, { piecesMax }) => {
    const found = answer(start, blocks, piecesMax);
    return later ? Promise.resolve(found) : found;
  };
  return { pieces: ask, runs: ask };
};

const kindOf = fc.constantFrom<PieceKind>('none', 'none', 'data', 'zero', 'lost');
const source = fc.record({
  kinds: fc.array(kindOf, { minLength: BLOCKS, maxLength: BLOCKS }),
  later: fc.boolean(),
});

const expandFrom = (pieces: readonly BlockPiece[], start: number): PieceKind[] => {
  const out: PieceKind[] = [];
  for (const { startBlock, blocks, kind } of pieces) {
    expect(startBlock).toBe(start + out.length);
    for (let i = 0; i < blocks; i++) out.push(kind);
  }
  return out;
};

describe('a stack of sources', () => {
  it('says of each block what the newest source that knows it says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(source, { maxLength: 4 }),
        fc.nat(BLOCKS - 1),
        fc.integer({ min: 1, max: BLOCKS }),
        fc.constantFrom(1, 3, 1e9),
        async (list, start, count, piecesMax) => {
          const blocks = Math.min(count, BLOCKS - start);
          const sources = list.map(({ kinds, later }) => sourceOf(kinds, later));
          const expected = Array.from({ length: blocks }, (_, i) => {
            const known = list.map(({ kinds }) => kinds[start + i]!);
            return known.find((kind) => kind !== 'none') ?? 'none';
          });
          for (const ask of [stackedPieces, stackedRuns]) {
            const budget = { lookups: 1e9, piecesMax };
            const found = expandFrom(await ask(sources, 1, start, blocks, budget), start);
            expect(found.length).toBeGreaterThan(0);
            if (piecesMax > BLOCKS) expect(found.length).toBe(blocks);
            expect(found).toEqual(expected.slice(0, found.length));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('answers without a promise when no source needs one', () => {
    const kinds = new Array<PieceKind>(BLOCKS).fill('none');
    const sources = [sourceOf(kinds, false), sourceOf(kinds, false)];
    expect(stackedPieces(sources, 1, 0, BLOCKS, unlimited())).toHaveLength(BLOCKS);
    expect(stackedPieces([], 1, 0, BLOCKS, unlimited())).toEqual([
      { startBlock: 0, blocks: BLOCKS, kind: 'none' },
    ]);
  });
});
