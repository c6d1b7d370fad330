/**
 * Arrays that grow page by page and never move what they hold: no copy of a gigabyte when one more
 * entry comes, and no peak of twice the size. The pages are SharedArrayBuffers, so that a reader in
 * another thread can be handed them; there is one writer.
 */
const PAGE_BITS = 16;
const PAGE_LENGTH = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_LENGTH - 1;

/** Unsigned 32-bit integers by index; entries never written read as 0. */
export class PagedUint32 {
  readonly #pages: Uint32Array[] = [];

  get(index: number): number {
    return this.#pages[index >>> PAGE_BITS]![index & PAGE_MASK]!;
  }

  set(index: number, value: number): void {
    const page = index >>> PAGE_BITS;
    while (page >= this.#pages.length) {
      this.#pages.push(new Uint32Array(new SharedArrayBuffer(PAGE_LENGTH * 4)));
    }
    this.#pages[page]![index & PAGE_MASK] = value;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#pages.length * PAGE_LENGTH * 4;
  }
}

/** Doubles, for counts and times up to 2^53, by index; entries never written read as 0. */
export class PagedFloat64 {
  readonly #pages: Float64Array[] = [];
  #length = 0;

  /** One more than the highest index ever written. */
  get length(): number {
    return this.#length;
  }

  get(index: number): number {
    return this.#pages[index >>> PAGE_BITS]![index & PAGE_MASK]!;
  }

  set(index: number, value: number): void {
    const page = index >>> PAGE_BITS;
    while (page >= this.#pages.length) {
      this.#pages.push(new Float64Array(new SharedArrayBuffer(PAGE_LENGTH * 8)));
    }
    this.#pages[page]![index & PAGE_MASK] = value;
    if (index >= this.#length) this.#length = index + 1;
  }

  push(value: number): void {
    this.set(this.#length, value);
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#pages.length * PAGE_LENGTH * 8;
  }

  /**
   * Index of the last entry that is at most `value`, -1 when there is none. The entries must not
   * decrease.
   */
  lastAtMost(value: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.get(middle) <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
