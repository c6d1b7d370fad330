import { PagedUint32 } from './paged-array.js';
import { RegionTable } from './region-table.js';

/**
 * Words of bits that neighbouring regions share: one cache line. For a write in every 64 blocks of
 * a tebibyte the table of cells stays within the processor's caches; with a bit for each 32 regions
 * it did not, and took most of the time that building an index took.
 */
const CELL_WORDS_LOG2 = 4;
const CELL_BITS = 32 << CELL_WORDS_LOG2;
const WORD_MASK = (1 << CELL_WORDS_LOG2) - 1;

/** A set of regions, by keys as RegionTable has them, with a bit for each. */
export class RegionBits {
  readonly #cells = new RegionTable();
  readonly #words = new PagedUint32();

  get bytes(): number {
    return this.#cells.bytes + this.#words.bytes;
  }

  /** @param high - tells volume and level apart */
  has(index: number, high: number): boolean {
    const cell = this.#cells.find(Math.floor(index / CELL_BITS) >>> 0, high);
    return cell !== 0 && (this.#words.get(wordOf(cell, index)) & (1 << (index & 31))) !== 0;
  }

  /** @returns false when it was there */
  add(index: number, high: number): boolean {
    const cells = this.#cells.size;
    const cell = this.#cells.findOrAdd(Math.floor(index / CELL_BITS) >>> 0, high);
    if (this.#cells.size > cells) this.#words.set(((cell + 1) << CELL_WORDS_LOG2) - 1, 0);
    const word = wordOf(cell, index);
    const before = this.#words.get(word);
    const after = (before | (1 << (index & 31))) >>> 0;
    if (after === before) return false;
    this.#words.set(word, after);
    return true;
  }
}

const wordOf = (cell: number, index: number): number =>
  (cell << CELL_WORDS_LOG2) | ((index >>> 5) & WORD_MASK);
