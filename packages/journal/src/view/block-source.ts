import type { RangeBudget } from '../index/hot-index.js';

/** What a run of blocks is at an instant; `none`: this source knows nothing of it by then. */
export type PieceKind = 'none' | 'data' | 'zero' | 'lost';

/** A run of blocks of one kind. */
export interface BlockPiece {
  readonly startBlock: number;
  readonly blocks: number;
  readonly kind: PieceKind;
}

/** A piece that can be read. */
export interface SourcePiece extends BlockPiece {
  /**
   * Fills `target` with the piece's bytes from `byte` of the volume on; both lie within the piece.
   * Only `data` and `lost` pieces have it. Undefined when that was done without waiting.
   * @throws RetraceError CORRUPTION, naming the place; STORAGE_FAILED
   */
  readonly read?: (byte: number, target: Buffer) => undefined | Promise<void>;
}

/**
 * Versions of one volume's blocks from a stretch of its history: a segment of the log, or a layer.
 * Answers come without a promise where nothing has to be waited for.
 */
export interface BlockSource {
  /**
   * What [start, start + blocks) reads as at `seq`, as consecutive pieces from `start`. Stops
   * early, at least one piece long, when the budget is used up.
   */
  pieces(
    seq: number,
    start: number,
    blocks: number,
    budget: RangeBudget,
  ): readonly SourcePiece[] | Promise<readonly SourcePiece[]>;

  /** The same, neighbours of one kind as one piece: for what is data and what is not. */
  runs(
    seq: number,
    start: number,
    blocks: number,
    budget: RangeBudget,
  ): readonly BlockPiece[] | Promise<readonly BlockPiece[]>;
}
