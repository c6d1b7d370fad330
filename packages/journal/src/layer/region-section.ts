import { assert } from '@retrace/core';
import { LEVEL_MAX } from '../index/dyadic.js';
import type { PagesRef } from './layer-directory.js';
import type { LayerOutput } from './layer-output.js';
import type { LayerLimits } from './limits.js';
import { PageList } from './page-directory.js';
import { encodePart, PART } from './part.js';
import { putPageList } from './row-section.js';
import { regionKey } from './rows.js';
import { isBefore, regionPageColumns } from './version-page.js';

/** Writes the regions of one volume. */
export class RegionSection {
  readonly #output: LayerOutput;
  readonly #limits: LayerLimits;
  readonly #pages = new PageList(2);
  readonly #levels = new Set<number>();
  readonly #keys: Float64Array;
  readonly #seqs: Float64Array;
  #count = 0;
  #lastKey = -1;
  #lastSeq = -1;
  regions = 0;

  constructor(output: LayerOutput, limits: LayerLimits) {
    this.#output = output;
    this.#limits = limits;
    this.#keys = new Float64Array(limits.pageRows);
    this.#seqs = new Float64Array(limits.pageRows);
  }

  get levels(): readonly number[] {
    return [...this.#levels];
  }

  add(level: number, index: number, seq: number): void {
    assert(level >= 0 && level <= LEVEL_MAX, 'a region has a known level');
    const key = regionKey(level, index);
    assert(
      isBefore(this.#lastKey, this.#lastSeq, key, seq),
      'regions ascend by level, index and seq',
    );
    if (this.#count === this.#limits.pageRows) this.#endPage();
    this.#keys[this.#count] = key;
    this.#seqs[this.#count] = seq;
    this.#count++;
    this.regions++;
    this.#levels.add(level);
    this.#lastKey = key;
    this.#lastSeq = seq;
  }

  #endPage(): void {
    const keys = this.#keys;
    const columns = regionPageColumns(keys, this.#seqs, this.#count);
    const part = encodePart(PART.regionPage, columns, this.#limits.compressionLevel);
    this.#pages.add(this.#output.put(part), this.#count, keys[0]!, this.#seqs[0]!);
    this.#count = 0;
  }

  /** Writes what is left, and the page directory. */
  finish(): PagesRef {
    if (this.#count > 0) this.#endPage();
    return putPageList(this.#output, PART.regionDirectory, this.#pages, this.#limits);
  }
}
