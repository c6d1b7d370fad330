import type { RetraceError } from '@retrace/core';
import type { BlockPiece, BlockSource, SourcePiece } from './block-source.js';

/**
 * Stands for a stretch of history that is missing: no block that has to be asked for here, or in
 * anything older, can be had.
 */
export class LostBlocks implements BlockSource {
  readonly #error: () => RetraceError;

  constructor(error: () => RetraceError) {
    this.#error = error;
  }

  pieces(_seq: number, startBlock: number, blocks: number): readonly SourcePiece[] {
    const read = (): never => {
      throw this.#error();
    };
    return [{ startBlock, blocks, kind: 'lost', read }];
  }

  runs(_seq: number, startBlock: number, blocks: number): readonly BlockPiece[] {
    return [{ startBlock, blocks, kind: 'lost' }];
  }
}
