import type { PageSet } from './page-set.js';
import { lowerBound, type VersionPage } from './version-page.js';

interface Held<P> {
  readonly index: number;
  readonly page: P;
}

/**
 * All that finding one key takes, or it would ask for the same pages for ever where nothing is
 * cached: the page before the key's first version, that of the first, and that of the newest.
 */
const HELD_MAX = 3;

/**
 * Finds keys that have a version at an instant, in ascending order. It holds on to the pages it
 * stands on, so that a cache of any size will do.
 */
export class VersionCursor<P extends VersionPage> {
  readonly #pages: PageSet<P>;
  readonly #seq: number;
  readonly #skipPagesMax: number;
  /** Newest first. */
  #held: readonly Held<P>[] = [];
  #target = -1;
  /** Keys from `#target` up to here have no version at the instant. */
  #from = 0;
  #pagesAtTarget = 0;
  /** Pages it had to look at, so far. */
  pagesVisited = 0;
  /** Where it stands: Infinity behind the last key. */
  key = -1;
  /** False: nothing is known of `key` yet, but that no key before it has a version. */
  found = false;
  /** With `found`: where its newest version at the instant lies. */
  page: P | undefined;
  row = -1;

  /**
   * @param seq - the instant, inclusive
   * @param skipPagesMax - one search passes over no more than so many pages without a version
   */
  constructor(pages: PageSet<P>, seq: number, skipPagesMax: number) {
    this.#pages = pages;
    this.#seq = seq;
    this.#skipPagesMax = skipPagesMax;
  }

  /** With `found`: the newest version's seq. */
  get seq(): number {
    return this.page!.seqs[this.row]!;
  }

  /**
   * Moves to the first key at or after `key` that has a version at the instant.
   * @returns -1 when it has; else the page that is missing: call again after `load` of it
   */
  seek(key: number): number {
    if (key !== this.#target) {
      this.#target = key;
      this.#from = key;
      this.#pagesAtTarget = this.pagesVisited;
    }
    for (;;) {
      const missing = this.#findKey();
      if (missing >= 0) return missing;
      if (this.found || this.key === Number.POSITIVE_INFINITY) return -1;
      this.#from = this.key + 1;
      if (this.pagesVisited - this.#pagesAtTarget >= this.#skipPagesMax) {
        this.key = this.#from;
        this.#target = -1;
        return -1;
      }
    }
  }

  async load(page: number): Promise<void> {
    this.#hold(page, await this.#pages.load(page));
  }

  /** Stands on the first key from `#from` on, and finds out whether it has a version. */
  #findKey(): number {
    let index = Math.max(this.#pageOf(this.#from, 0), 0);
    let page = this.#page(index);
    if (page === undefined) return index;
    let row = lowerBound(page, this.#from, 0, this.#hint(page));
    if (row === page.count) {
      index++;
      if (index === this.#pages.count) {
        this.#stand(Number.POSITIVE_INFINITY, undefined, -1);
        return -1;
      }
      page = this.#page(index);
      if (page === undefined) return index;
      row = 0;
    }
    const key = page.keys[row]!;
    const isOnlyOne = row + 1 < page.count && page.keys[row + 1] !== key;
    if (isOnlyOne) {
      const isVisible = page.seqs[row]! <= this.#seq;
      this.#stand(key, isVisible ? page : undefined, row);
      return -1;
    }
    return this.#findNewest(key);
  }

  /** The newest version of `key` at the instant: versions may go on over many pages. */
  #findNewest(key: number): number {
    const index = this.#pageOf(key, this.#seq);
    if (index < 0) {
      this.#stand(key, undefined, -1);
      return -1;
    }
    const page = this.#page(index);
    if (page === undefined) return index;
    const row = lowerBound(page, key, this.#seq + 1) - 1;
    this.#stand(key, page.keys[row] === key ? page : undefined, row);
    return -1;
  }

  #stand(key: number, page: P | undefined, row: number): void {
    this.key = key;
    this.found = page !== undefined;
    this.page = page;
    this.row = row;
  }

  /** A row to begin searching at. */
  #hint(page: P): number {
    return page === this.page && this.key < this.#from ? this.row : 0;
  }

  /** The last page that begins at or before (key, seq), or -1. */
  #pageOf(key: number, seq: number): number {
    const { first, count } = this.#pages.directory;
    const firsts = { keys: first[0]!, seqs: first[1]!, count };
    return lowerBound(firsts, key, seq + 1) - 1;
  }

  #page(index: number): P | undefined {
    for (const held of this.#held) if (held.index === index) return held.page;
    const page = this.#pages.cached(index);
    if (page !== undefined) this.#hold(index, page);
    return page;
  }

  #hold(index: number, page: P): void {
    this.pagesVisited++;
    this.#held = [{ index, page }, ...this.#held.slice(0, HELD_MAX - 1)];
  }
}
