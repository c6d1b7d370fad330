import { assert } from '@retrace/core';
import type { Extent } from './extent-table.js';
import { HotIndex } from './hot-index.js';

/** The hot index of one segment of the log. */
export interface SegmentIndex {
  readonly segment: number;
  readonly index: HotIndex;
}

/**
 * The hot indexes of the log's segments that are not sealed into layers yet: one a segment, so that
 * a segment that has been sealed takes its index with it. Records of a later segment are newer
 * than all of an earlier one.
 */
export class SegmentIndexes {
  readonly #indexes: SegmentIndex[] = [];
  #loading: HotIndex | undefined;
  #version = 0;

  /** Another number whenever another list of indexes would be given. */
  get version(): number {
    return this.#version;
  }

  /** Content records held. */
  get size(): number {
    return this.#indexes.reduce((sum, { index }) => sum + index.extents.size, 0);
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#indexes.reduce((sum, { index }) => sum + index.bytes, 0);
  }

  /** Newest first. The array is the caller's to keep: it does not change. */
  newestFirst(): readonly SegmentIndex[] {
    return this.#indexes.toReversed();
  }

  /**
   * At start: the records of a segment follow, up to the next call or to `endLoad`, and nothing is
   * looked up before that.
   * @param records - how many there will be, about
   */
  beginLoad(segment: number, records: number): void {
    this.endLoad();
    this.#loading = this.#begin(segment);
    this.#loading.beginLoad(records);
  }

  endLoad(): void {
    this.#loading?.endLoad();
    this.#loading = undefined;
  }

  /** Adds a content record to the index of its segment: the newest there is, or the next. */
  add(volumeId: number, extent: Extent, checksums: Uint32Array, blockBytes: number): void {
    const last = this.#indexes.at(-1);
    const index = last?.segment === extent.segment ? last.index : this.#begin(extent.segment);
    index.add(volumeId, extent, checksums, blockBytes);
  }

  #begin(segment: number): HotIndex {
    const last = this.#indexes.at(-1);
    assert(last === undefined || segment > last.segment, 'segments come in order');
    const index = new HotIndex();
    this.#indexes.push({ segment, index });
    this.#version += 1;
    return index;
  }

  /** Forgets the segments up to `segment`: they are sealed. */
  drop(segment: number): void {
    const kept = this.#indexes.findIndex((entry) => entry.segment > segment);
    this.#indexes.splice(0, kept < 0 ? this.#indexes.length : kept);
    this.#version += 1;
  }
}
