import { forEachRegion } from '../index/dyadic.js';
import type { LayerRegion } from '../layer/rows.js';

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
  readonly #regions: LayerRegion[] = [];
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

  /** Blocks that read as zeros from `seq` on. */
  addZeros(startBlock: number, blocks: number, seq: number): void {
    forEachRegion(startBlock, blocks, (level, index) => this.#regions.push({ level, index, seq }));
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
    const count = this.#blocks.length;
    if (count <= ORDINAL_SPAN && this.#blockMax < BLOCK_SPAN) {
      const keys = Float64Array.from(this.#blocks, (block, i) => block * ORDINAL_SPAN + i).sort();
      for (const key of keys) yield key % ORDINAL_SPAN;
      return;
    }
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    order.sort((a, b) => this.#blocks[a]! - this.#blocks[b]! || a - b);
    yield* order;
  }

  /** By (level, index, seq). */
  regions(): readonly LayerRegion[] {
    return this.#regions.sort((a, b) => a.level - b.level || a.index - b.index || a.seq - b.seq);
  }
}
