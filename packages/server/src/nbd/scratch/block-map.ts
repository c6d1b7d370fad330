/** Where the newest contents of a block are. */
export const BLOCK = {
  /** In the view below: never written here. */
  below: 0,
  /** Nowhere: it reads as zeros. */
  zero: 1,
  memory: 2,
  file: 3,
} as const;
export type BlockState = (typeof BLOCK)[keyof typeof BLOCK];

/** A run of blocks in one state. */
export interface BlockRun {
  readonly start: number;
  readonly count: number;
  readonly state: BlockState;
}

const PAGES_MAX = 65_536;
const PAGE_BLOCKS_MIN = 4096;
const BLOCKS_PER_BYTE = 4;
/** What an entry of the map takes beside its bits, about. */
const PAGE_OVERHEAD_BYTES = 128;

/**
 * The state of every block of a volume, in pages: a page whose blocks are all in one state takes no
 * bits, so that a trim of a whole TiB costs a few thousand entries.
 */
export class BlockMap {
  readonly #blocks: number;
  readonly #pageBlocks: number;
  readonly #bytesMax: number;
  /** A state for all of the page, or two bits a block. Absent: all `below`. */
  readonly #pages = new Map<number, BlockState | Uint8Array>();
  #bytes = 0;

  /**
   * @param blocks - blocks of the volume
   * @param bytesMax - memory the map may take
   */
  constructor(blocks: number, bytesMax: number) {
    this.#blocks = blocks;
    this.#bytesMax = bytesMax;
    let pageBlocks = PAGE_BLOCKS_MIN;
    while (Math.ceil(blocks / pageBlocks) > PAGES_MAX) pageBlocks *= 2;
    this.#pageBlocks = pageBlocks;
  }

  /** Memory it takes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get(block: number): BlockState {
    const page = this.#pages.get(Math.floor(block / this.#pageBlocks));
    if (page === undefined) return BLOCK.below;
    return typeof page === 'number' ? page : bitsAt(page, block % this.#pageBlocks);
  }

  /** The run of blocks in one state that begins at `block`; ends at `end` (exclusive) at most. */
  runAt(block: number, end: number): BlockRun {
    const state = this.get(block);
    let at = block + 1;
    while (at < end) {
      const index = Math.floor(at / this.#pageBlocks);
      const page = this.#pages.get(index) ?? BLOCK.below;
      if (typeof page === 'number') {
        if (page !== state) break;
        at = Math.min(end, (index + 1) * this.#pageBlocks);
      } else {
        if (bitsAt(page, at % this.#pageBlocks) !== state) break;
        at += 1;
      }
    }
    return { start: block, count: at - block, state };
  }

  /** True when `set` of this run would fit into the memory allowed. Call it before. */
  hasRoom(start: number, count: number): boolean {
    const pages = Math.floor((start + count - 1) / this.#pageBlocks) - this.#indexOf(start) + 1;
    // Only the first and the last page can end up with bits of their own.
    const bits = Math.min(pages, 2) * Math.ceil(this.#pageBlocks / BLOCKS_PER_BYTE);
    return this.#bytes + bits + pages * PAGE_OVERHEAD_BYTES <= this.#bytesMax;
  }

  set(start: number, count: number, state: BlockState): void {
    const end = start + count;
    for (let at = start; at < end; ) {
      const index = this.#indexOf(at);
      const pageStart = index * this.#pageBlocks;
      const pageEnd = Math.min(pageStart + this.#pageBlocks, this.#blocks);
      const to = Math.min(end, pageEnd);
      if (at === pageStart && to === pageEnd) this.#replace(index, state);
      else this.#fill(index, at - pageStart, to - pageStart, state);
      at = to;
    }
  }

  #indexOf(block: number): number {
    return Math.floor(block / this.#pageBlocks);
  }

  #fill(index: number, from: number, to: number, state: BlockState): void {
    let page = this.#pages.get(index) ?? BLOCK.below;
    if (page === state) return;
    if (typeof page === 'number') {
      const bits = new Uint8Array(Math.ceil(this.#pageBlocks / BLOCKS_PER_BYTE));
      bits.fill(page * 0b01010101);
      this.#replace(index, bits);
      page = bits;
    }
    for (let i = from; i < to; i++) {
      const shift = (i % BLOCKS_PER_BYTE) * 2;
      const at = Math.floor(i / BLOCKS_PER_BYTE);
      page[at] = (page[at]! & ~(3 << shift)) | (state << shift);
    }
  }

  #replace(index: number, page: BlockState | Uint8Array): void {
    this.#bytes += pageBytes(page) - pageBytes(this.#pages.get(index));
    this.#pages.set(index, page);
  }
}

const bitsAt = (page: Uint8Array, block: number): BlockState =>
  ((page[Math.floor(block / BLOCKS_PER_BYTE)]! >> ((block % BLOCKS_PER_BYTE) * 2)) &
    3) as BlockState;

const pageBytes = (page: BlockState | Uint8Array | undefined): number => {
  if (page === undefined) return 0;
  return PAGE_OVERHEAD_BYTES + (typeof page === 'number' ? 0 : page.length);
};
