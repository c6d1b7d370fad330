import { regionBlocks } from '../index/dyadic.js';
import type { PageSet } from './page-set.js';
import type { RowPage } from './row-page.js';
import { levelOfKey, regionKey } from './rows.js';
import { VersionCursor } from './version-cursor.js';
import type { VersionPage } from './version-page.js';

/**
 * One source of versions in a sweep: the rows, or the regions of one level. It stands on its first
 * key that ends behind the sweep's place.
 */
export class Lane<P extends VersionPage = VersionPage> {
  readonly cursor: VersionCursor<P>;
  /** Level of its regions; -1 for rows. */
  readonly #level: number;
  /** Key of block 0, and blocks a key stands for. */
  readonly #base: number;
  readonly #unit: number;
  /** Blocks [from, to) are those of the key it stands on; empty while nothing is known of it. */
  from = -1;
  to = -1;

  constructor(cursor: VersionCursor<P>, level: number) {
    this.cursor = cursor;
    this.#level = level;
    this.#base = level < 0 ? 0 : regionKey(level, 0);
    this.#unit = level < 0 ? 1 : regionBlocks(level);
  }

  /** @returns -1 when it stands right for `block`, else the page that is missing */
  locate(block: number): number {
    if (this.to > block) return -1;
    const missing = this.cursor.seek(this.#base + Math.floor(block / this.#unit));
    if (missing >= 0) return missing;
    const { key, found } = this.cursor;
    const isBehind = this.#level >= 0 && levelOfKey(key) > this.#level;
    this.from = isBehind ? Number.POSITIVE_INFINITY : (key - this.#base) * this.#unit;
    this.to = found || isBehind ? this.from + this.#unit : this.from;
    return -1;
  }
}

/** What of a layer covers a run of blocks: a lane's version, or nothing. */
export interface Collector {
  /** @returns false when there is no room for it: the sweep ends before it */
  add(startBlock: number, blocks: number, seq: number, row: RowLane | undefined): boolean;
}

export type RowLane = Lane<RowPage>;

/**
 * Goes over a range of blocks from left to right and finds the newest version of each at an
 * instant. Blocks of which the layer has nothing cost nothing, however many there are.
 */
export class RangeSweep {
  readonly #rows: RowLane | undefined;
  /** The rows come last: where a row and a region have one seq, the row counts. */
  readonly #lanes: readonly Lane[];
  readonly #end: number;
  readonly #pagesMax: number;
  readonly #collector: Collector;
  #at: number;
  readonly #start: number;

  constructor(o: {
    readonly rows: PageSet<RowPage> | undefined;
    readonly regions: PageSet<VersionPage> | undefined;
    /** Levels that have regions. */
    readonly levels: readonly number[];
    readonly seq: number;
    readonly start: number;
    readonly blocks: number;
    readonly pagesMax: number;
    readonly collector: Collector;
  }) {
    const { rows, regions, seq, pagesMax } = o;
    const lanes: Lane[] = [];
    for (const level of regions === undefined ? [] : o.levels) {
      lanes.push(new Lane(new VersionCursor(regions!, seq, pagesMax), level));
    }
    if (rows !== undefined) {
      this.#rows = new Lane(new VersionCursor(rows, seq, pagesMax), -1);
      lanes.push(this.#rows);
    }
    this.#lanes = lanes;
    this.#start = o.start;
    this.#at = o.start;
    this.#end = o.start + o.blocks;
    this.#pagesMax = pagesMax;
    this.#collector = o.collector;
  }

  /** Runs to the end of the range or of a budget; without a promise when all pages are cached. */
  run(): undefined | Promise<void> {
    while (this.#at < this.#end && !this.#isSpent()) {
      for (const lane of this.#lanes) {
        const missing = lane.locate(this.#at);
        if (missing >= 0) return lane.cursor.load(missing).then(() => this.run());
      }
      if (!this.#step()) return undefined;
    }
    return undefined;
  }

  /** One run of blocks that have one newest version, or none. */
  #step(): boolean {
    let best: Lane | undefined;
    let seq = 0;
    let to = this.#end;
    for (const lane of this.#lanes) {
      const covers = lane.from <= this.#at;
      to = Math.min(to, covers ? lane.to : lane.from);
      if (!covers || lane.cursor.seq < seq) continue;
      best = lane;
      seq = lane.cursor.seq;
    }
    const row = best === this.#rows ? this.#rows : undefined;
    if (!this.#collector.add(this.#at, to - this.#at, seq, row)) return false;
    this.#at = to;
    return true;
  }

  #isSpent(): boolean {
    if (this.#at === this.#start) return false;
    let pages = 0;
    for (const { cursor } of this.#lanes) pages += cursor.pagesVisited;
    return pages >= this.#pagesMax;
  }
}
