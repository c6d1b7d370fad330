import { assert, changesContent, RECORD_KIND } from '@retrace/core';
import { forEachRegion, regionBlocks } from './dyadic.js';
import { type Extent, ExtentTable } from './extent-table.js';
import { PendingRegions } from './pending-regions.js';
import { RegionBits } from './region-bits.js';
import { RegionTable } from './region-table.js';
import { VersionChains } from './version-chains.js';

/** Regions of these levels remember whether anything finer was ever written inside them. */
const SUMMARY_LEVELS = [6, 12, 18, 24, 30, 36] as const;
const INDEX_HIGH_BITS = 9;
const LEVEL_BITS = 6;
/** Versions that may wait while the index is built: 48 MiB. */
const PENDING_MAX = 4 * 1024 * 1024;
const BLOCKS_MAX_PER_EXTENT = 2 ** 32 - 1;

/** A run of blocks and what they read as at an instant; `extent` 0: never written. */
export interface Piece {
  startBlock: number;
  blocks: number;
  extent: number;
}

/** How much one range query may cost. */
export interface RangeBudget {
  lookups: number;
  readonly piecesMax: number;
}

/**
 * Finds, for any block of any volume at any seq, the content record that holds it. Ranges stay
 * ranges: each record is filed under the few aligned regions that make it up (dyadic.ts), each
 * region has its chain of versions, and the newest version over the region levels of a block wins.
 */
export class HotIndex {
  readonly extents = new ExtentTable();
  readonly #regions = new RegionTable();
  /** Apart from the regions: small, looked at for every record, and so best kept together. */
  readonly #summaries = new RegionBits();
  readonly #chains = new VersionChains();
  readonly #levels = new Map<number, VolumeLevels>();
  #pending: PendingRegions | undefined;
  #pendingMax = 0;
  readonly #seqOf = (extent: number): number => this.extents.seq(extent);

  /** Bytes of memory held. */
  get bytes(): number {
    return this.extents.bytes + this.#regions.bytes + this.#summaries.bytes + this.#chains.bytes;
  }

  /**
   * Until `endLoad` many records are added and nothing is looked up, which takes a fraction of the
   * time. For an empty index.
   * @param records - how many there will be, about; more only take longer
   * @param pendingMax - versions that wait until they are filed
   */
  beginLoad(records: number, pendingMax: number = PENDING_MAX): void {
    this.#pendingMax = pendingMax;
    this.#regions.reserve(records);
    this.#pending = new PendingRegions(this.#regions.buckets);
  }

  endLoad(): void {
    this.#filePending();
    this.#pending = undefined;
  }

  /** Adds a content record. Records of one volume come in order of their seq. */
  add(volumeId: number, extent: Extent, checksums: Uint32Array, blockBytes: number): void {
    assert(changesContent(extent.kind), 'the index holds content records only');
    assert(extent.blocks >= 1, 'an extent has at least one block');
    if (extent.blocks > BLOCKS_MAX_PER_EXTENT) {
      this.#addInHalves(volumeId, extent, blockBytes);
      return;
    }
    const id = this.extents.add(extent, checksums, blockBytes);
    forEachRegion(extent.startBlock, extent.blocks, (level, index) => {
      this.#file(index >>> 0, keyHigh(volumeId, level, index), id);
      this.#noteLevel(volumeId, level);
      this.#summarise(volumeId, level, index);
    });
  }

  /** Files a version under its region, or sets it aside while the index is being loaded. */
  #file(low: number, high: number, extent: number): void {
    const pending = this.#pending;
    if (pending === undefined) {
      this.#push(low, high, extent);
      return;
    }
    pending.add(this.#regions.bucketOf(low, high), low, high, extent);
    if (pending.count >= this.#pendingMax) this.#filePending();
  }

  #filePending(): void {
    this.#pending?.drain((low, high, extent) => this.#push(low, high, extent));
  }

  #push(low: number, high: number, extent: number): void {
    const slot = this.#regions.findOrAdd(low, high);
    this.#regions.setValue(slot, this.#chains.push(this.#regions.value(slot), extent));
  }

  /** What `block` reads as at `seq`: the number of its extent, 0 when it was never written. */
  extentAt(volumeId: number, seq: number, block: number): number {
    let best = 0;
    for (const level of this.#levels.get(volumeId)?.written ?? []) {
      const index = Math.floor(block / regionBlocks(level));
      best = this.#newer(best, this.#lookup(volumeId, level, index, seq));
    }
    return best;
  }

  /**
   * What [start, start + blocks) reads as at `seq`, as consecutive pieces from `start`. Stops
   * early, at least one piece long, when the budget is used up.
   */
  pieces(
    volumeId: number,
    seq: number,
    start: number,
    blocks: number,
    budget: RangeBudget,
  ): Piece[] {
    return this.#collect(volumeId, seq, start, blocks, budget, (extent) => extent);
  }

  /**
   * The same by kind: `extent` is 0 for a run of blocks never written, 1 for written ones, 2 for
   * those zeroed or trimmed since.
   */
  dataRuns(
    volumeId: number,
    seq: number,
    start: number,
    blocks: number,
    budget: RangeBudget,
  ): Piece[] {
    return this.#collect(volumeId, seq, start, blocks, budget, (extent) => {
      if (extent === 0) return 0;
      return this.extents.kind(extent) === RECORD_KIND.write ? 1 : 2;
    });
  }

  #collect(
    volumeId: number,
    seq: number,
    start: number,
    blocks: number,
    budget: RangeBudget,
    name: (extent: number) => number,
  ): Piece[] {
    const out: Piece[] = [];
    const levels = this.#levels.get(volumeId)?.descent;
    if (levels === undefined) return [{ startBlock: start, blocks, extent: 0 }];
    this.#descend({ volumeId, seq, levels, budget, name, out }, 0, start, start + blocks, 0);
    return out;
  }

  #descend(
    query: RangeQuery,
    depth: number,
    start: number,
    end: number,
    inherited: number,
  ): boolean {
    const level = query.levels[depth];
    if (level === undefined) return emit(query, start, end, inherited);
    const size = regionBlocks(level);
    for (let at = start; at < end; ) {
      const index = Math.floor(at / size);
      const to = Math.min(end, (index + 1) * size);
      query.budget.lookups -= 1;
      const here = this.#lookup(query.volumeId, level, index, query.seq);
      const best = this.#newer(inherited, here);
      const more = this.#nothingFiner(query.volumeId, level, index)
        ? emit(query, at, to, best)
        : this.#descend(query, depth + 1, at, to, best);
      if (!more) return false;
      at = to;
    }
    return true;
  }

  /** True when this is a summary level and nothing finer was ever written in the region. */
  #nothingFiner(volumeId: number, level: number, index: number): boolean {
    const position = SUMMARY_LEVELS.indexOf(level as (typeof SUMMARY_LEVELS)[number]);
    return position >= 0 && !this.#summaries.has(index, keyHigh(volumeId, position, index));
  }

  #summarise(volumeId: number, level: number, index: number): void {
    for (let position = 0; position < SUMMARY_LEVELS.length; position++) {
      const summary = SUMMARY_LEVELS[position]!;
      if (summary <= level) continue;
      const above = Math.floor(index / regionBlocks(summary - level));
      // What is noted here is noted above as well.
      if (!this.#summaries.add(above, keyHigh(volumeId, position, above))) return;
    }
  }

  #noteLevel(volumeId: number, level: number): void {
    const levels = this.#levels.get(volumeId);
    if (levels?.written.includes(level) === true) return;
    const written = [...(levels?.written ?? []), level].sort((a, b) => b - a);
    const descent = [...new Set([...written, ...SUMMARY_LEVELS])].sort((a, b) => b - a);
    this.#levels.set(volumeId, { written, descent });
  }

  #newer(a: number, b: number): number {
    if (a === 0) return b;
    if (b === 0) return a;
    return this.extents.seq(a) >= this.extents.seq(b) ? a : b;
  }

  #lookup(volumeId: number, level: number, index: number, seq: number): number {
    const slot = this.#regions.find(index >>> 0, keyHigh(volumeId, level, index));
    if (slot === 0) return 0;
    return this.#chains.newestAtMost(this.#regions.value(slot), seq, this.#seqOf);
  }

  /** Zero and trim only: a write of so many blocks is far over the record limit. */
  #addInHalves(volumeId: number, extent: Extent, blockBytes: number): void {
    const none = new Uint32Array(0);
    const half = Math.floor(extent.blocks / 2);
    this.add(volumeId, { ...extent, blocks: half }, none, blockBytes);
    const rest = { ...extent, startBlock: extent.startBlock + half, blocks: extent.blocks - half };
    this.add(volumeId, rest, none, blockBytes);
  }
}

/** Region levels of a volume, highest first. */
interface VolumeLevels {
  /** Those with any version. */
  readonly written: readonly number[];
  /** The same and the summary levels: the way down of a range query. */
  readonly descent: readonly number[];
}

interface RangeQuery {
  readonly volumeId: number;
  readonly seq: number;
  readonly levels: readonly number[];
  readonly budget: RangeBudget;
  /** What a piece is called; neighbours of one name are one piece. */
  readonly name: (extent: number) => number;
  readonly out: Piece[];
}

/** Adds a run, joined to the one before where it continues it; false when the budget is used up. */
const emit = (query: RangeQuery, start: number, end: number, extent: number): boolean => {
  const last = query.out.at(-1);
  const name = query.name(extent);
  if (last !== undefined && last.extent === name) {
    last.blocks += end - start;
  } else {
    if (query.out.length >= query.budget.piecesMax) return false;
    query.out.push({ startBlock: start, blocks: end - start, extent: name });
  }
  return query.budget.lookups > 0;
};

const keyHigh = (volumeId: number, level: number, index: number): number => {
  const high = Math.floor(index / 2 ** 32);
  return ((volumeId << (LEVEL_BITS + INDEX_HIGH_BITS)) | (level << INDEX_HIGH_BITS) | high) >>> 0;
};
