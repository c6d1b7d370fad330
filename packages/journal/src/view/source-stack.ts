import type { RangeBudget } from '../index/hot-index.js';
import type { BlockPiece, BlockSource, SourcePiece } from './block-source.js';

type Ask<P extends BlockPiece> = (
  source: BlockSource,
  start: number,
  blocks: number,
) => readonly P[] | Promise<readonly P[]>;

/**
 * Asks the newest source first, and each older one only for the runs that the newer ones know
 * nothing of. What none of them knows stays `none`: it was never written.
 */
class StackQuery<P extends BlockPiece> {
  readonly out: P[] = [];
  readonly #sources: readonly BlockSource[];
  readonly #ask: Ask<P>;
  readonly #never: (startBlock: number, blocks: number) => P;
  readonly #budget: RangeBudget;

  constructor(
    sources: readonly BlockSource[],
    ask: Ask<P>,
    never: (startBlock: number, blocks: number) => P,
    budget: RangeBudget,
  ) {
    this.#sources = sources;
    this.#ask = ask;
    this.#never = never;
    this.#budget = budget;
  }

  /** False when the budget is used up: what follows is not asked for. */
  collect(depth: number, start: number, blocks: number): boolean | Promise<boolean> {
    const source = this.#sources[depth];
    if (source === undefined) return this.#emit(this.#never(start, blocks));
    const found = this.#ask(source, start, blocks);
    if (found instanceof Promise) {
      return found.then((pieces) => this.#take(depth, pieces, start + blocks, 0));
    }
    return this.#take(depth, found, start + blocks, 0);
  }

  #take(
    depth: number,
    pieces: readonly P[],
    end: number,
    from: number,
  ): boolean | Promise<boolean> {
    for (let i = from; i < pieces.length; i++) {
      const piece = pieces[i]!;
      const more =
        piece.kind === 'none'
          ? this.collect(depth + 1, piece.startBlock, piece.blocks)
          : this.#emit(piece);
      if (more instanceof Promise) {
        return more.then((goOn) => goOn && this.#take(depth, pieces, end, i + 1));
      }
      if (!more) return false;
    }
    const last = pieces.at(-1)!;
    return last.startBlock + last.blocks >= end;
  }

  #emit(piece: P): boolean {
    this.out.push(piece);
    return this.out.length < this.#budget.piecesMax && this.#budget.lookups > 0;
  }
}

const collectAll = <P extends BlockPiece>(
  query: StackQuery<P>,
  start: number,
  blocks: number,
): readonly P[] | Promise<readonly P[]> => {
  const done = query.collect(0, start, blocks);
  return done instanceof Promise ? done.then(() => query.out) : query.out;
};

const neverWritten = (startBlock: number, blocks: number): BlockPiece => ({
  startBlock,
  blocks,
  kind: 'none',
});

/**
 * What [start, start + blocks) reads as at `seq` by all the sources together, as consecutive
 * pieces; may stop early, after at least one, when the budget is used up.
 * @param sources - newest first; each knows only what is newer than all that the next one knows
 */
export const stackedPieces = (
  sources: readonly BlockSource[],
  seq: number,
  start: number,
  blocks: number,
  budget: RangeBudget,
) =>
  collectAll(
    new StackQuery<SourcePiece>(
      sources,
      (source, from, count) => source.pieces(seq, from, count, budget),
      neverWritten,
      budget,
    ),
    start,
    blocks,
  );

/** The same as runs of one kind; neighbours from different sources are not joined. */
export const stackedRuns = (
  sources: readonly BlockSource[],
  seq: number,
  start: number,
  blocks: number,
  budget: RangeBudget,
) =>
  collectAll(
    new StackQuery<BlockPiece>(
      sources,
      (source, from, count) => source.runs(seq, from, count, budget),
      neverWritten,
      budget,
    ),
    start,
    blocks,
  );
