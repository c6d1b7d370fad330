import { forEachRegion } from '../index/dyadic.js';
import { indexOfKey, type LayerRegion, levelOfKey, regionKey } from '../layer/rows.js';

/** Where one version of a block lies in the log. */
export interface RowPlace {
  readonly block: number;
  readonly seq: number;
  readonly segment: number;
  readonly position: number;
  readonly bytes: number;
  readonly checksum: number;
}

/** Rows whose number fits here are sorted by one number each, three times as fast. */
const ORDINAL_SPAN = 2 ** 21;
const BLOCK_SPAN = 2 ** 32;

/**
 * What one volume wrote, zeroed and trimmed in the segments that are being sealed: places only, no
 * bytes. Memory: about 50 bytes a block written, and a segment bounds their number.
 */
export class VolumeRows {
  readonly #blocks: number[] = [];
  readonly #seqs: number[] = [];
  readonly #segments: number[] = [];
  readonly #positions: number[] = [];
  readonly #bytes: number[] = [];
  readonly #checksums: number[] = [];
  readonly #regionKeys: number[] = [];
  readonly #regionSeqs: number[] = [];
  #blockMax = 0;

  /** Rows come in the order of their seq. */
  addRow({ block, seq, segment, position, bytes, checksum }: RowPlace): void {
    this.#blocks.push(block);
    this.#seqs.push(seq);
    this.#segments.push(segment);
    this.#positions.push(position);
    this.#bytes.push(bytes);
    this.#checksums.push(checksum);
    if (block > this.#blockMax) this.#blockMax = block;
  }

  /** Blocks that read as zeros from `seq` on. Ranges come in the order of their seq. */
  addZeros(startBlock: number, blocks: number, seq: number): void {
    forEachRegion(startBlock, blocks, (level, index) => {
      this.#regionKeys.push(regionKey(level, index));
      this.#regionSeqs.push(seq);
    });
  }

  /** By (block, seq). */
  *rows(): Generator<RowPlace> {
    for (const i of this.#order()) {
      yield {
        block: this.#blocks[i]!,
        seq: this.#seqs[i]!,
        segment: this.#segments[i]!,
        position: this.#positions[i]!,
        bytes: this.#bytes[i]!,
        checksum: this.#checksums[i]!,
      };
    }
  }

  *#order(): Generator<number> {
    const blocks = this.#blocks;
    if (blocks.length <= ORDINAL_SPAN && this.#blockMax < BLOCK_SPAN) {
      const keys = Float64Array.from(blocks, (block, i) => block * ORDINAL_SPAN + i).sort();
      for (const key of keys) yield key % ORDINAL_SPAN;
      return;
    }
    yield* sortedBy(blocks);
  }

  /** By (level, index, seq). */
  *regions(): Generator<LayerRegion> {
    for (const i of sortedBy(this.#regionKeys)) {
      const key = this.#regionKeys[i]!;
      yield { level: levelOfKey(key), index: indexOfKey(key), seq: this.#regionSeqs[i]! };
    }
  }
}

/** Indices of the keys in ascending order; equal ones keep theirs. */
const sortedBy = (keys: readonly number[]): Uint32Array => {
  const order = Uint32Array.from({ length: keys.length }, (_, i) => i);
  return order.sort((a, b) => keys[a]! - keys[b]! || a - b);
};
