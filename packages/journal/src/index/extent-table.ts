import type { RecordKind } from '@retrace/core';
import { PagedFloat64, PagedUint32 } from './paged-array.js';

/**
 * What the index keeps of one content record: all that a read needs, so that it asks no database.
 */
export interface Extent {
  readonly seq: number;
  /** Write, zero or trim. */
  readonly kind: RecordKind;
  /** First block, and how many; at least one. */
  readonly startBlock: number;
  readonly blocks: number;
  /** Log segment and byte of its payload file where the payload begins; 0 for zero and trim. */
  readonly segment: number;
  readonly position: number;
  readonly payloadBytes: number;
}

const KIND_BITS = 3;
const KIND_MASK = (1 << KIND_BITS) - 1;

/** Segment numbers share 32 bits with the kind. */
export const SEGMENT_NUMBER_MAX = 2 ** (32 - KIND_BITS) - 1;

/** Extents in columns, numbered from 1; 36 bytes each, and 4 for each block checksum. */
export class ExtentTable {
  readonly #seq = new PagedFloat64();
  readonly #startBlock = new PagedFloat64();
  readonly #blocks = new PagedUint32();
  readonly #kindAndSegment = new PagedUint32();
  readonly #position = new PagedUint32();
  readonly #checksumsAt = new PagedUint32();
  readonly #checksums = new PagedUint32();
  /** Payloads that are not whole blocks: those that end at the end of an odd-sized volume. */
  readonly #oddPayloadBytes = new Map<number, number>();
  #count = 0;
  #checksumCount = 0;

  get size(): number {
    return this.#count;
  }

  get bytes(): number {
    const small = [this.#blocks, this.#kindAndSegment, this.#position, this.#checksumsAt];
    const wide = this.#seq.bytes + this.#startBlock.bytes + this.#checksums.bytes;
    return small.reduce((sum, array) => sum + array.bytes, wide);
  }

  /** Adds an extent; its number. */
  add(extent: Extent, checksums: Uint32Array, blockBytes: number): number {
    this.#count += 1;
    const id = this.#count;
    this.#seq.set(id, extent.seq);
    this.#startBlock.set(id, extent.startBlock);
    this.#blocks.set(id, extent.blocks);
    this.#kindAndSegment.set(id, extent.segment * (1 << KIND_BITS) + extent.kind);
    this.#position.set(id, extent.position);
    this.#checksumsAt.set(id, this.#checksumCount);
    for (const sum of checksums) {
      this.#checksums.set(this.#checksumCount, sum);
      this.#checksumCount += 1;
    }
    if (extent.payloadBytes % blockBytes !== 0) this.#oddPayloadBytes.set(id, extent.payloadBytes);
    return id;
  }

  seq(id: number): number {
    return this.#seq.get(id);
  }

  kind(id: number): number {
    return this.#kindAndSegment.get(id) & KIND_MASK;
  }

  segment(id: number): number {
    return this.#kindAndSegment.get(id) >>> KIND_BITS;
  }

  startBlock(id: number): number {
    return this.#startBlock.get(id);
  }

  /** Byte of the payload file where the payload of `block` begins. */
  positionOf(id: number, block: number, blockBytes: number): number {
    return this.#position.get(id) + (block - this.#startBlock.get(id)) * blockBytes;
  }

  /** Stored bytes of `blocks` blocks from `block`: fewer than whole blocks at an odd end only. */
  payloadBytesOf(id: number, block: number, blocks: number, blockBytes: number): number {
    const whole = blocks * blockBytes;
    const odd = this.#oddPayloadBytes.get(id);
    if (odd === undefined) return whole;
    return Math.min(whole, odd - (block - this.#startBlock.get(id)) * blockBytes);
  }

  /** Stored checksum of one block of an extent. */
  checksum(id: number, block: number): number {
    return this.#checksums.get(this.#checksumsAt.get(id) + (block - this.#startBlock.get(id)));
  }
}
