import { randomBytes } from 'node:crypto';
import { type ByteOffset, NO_CHECKSUMS, NO_PAYLOAD, RECORD_KIND } from '@retrace/core';
import { type Content, writeContent } from '../retrace/synthetic-agent.js';

export const VOLUME_BYTES = 2 ** 40;
export const BLOCK_BYTES = 4096;

const BLOCKS = VOLUME_BYTES / BLOCK_BYTES;
/** mkfs.ext4 of 1 TiB discards the volume in pieces of 2 GiB, after a first one. */
const TRIM_BYTES = 2 ** 31;
/** One record in so many is a write with its bytes; the rest costs the disk next to nothing. */
const WRITE_EVERY = 16;
const PAYLOADS = 64;

/**
 * Records for the size run. All are one block long, at places spread evenly over the volume: the
 * worst the index can meet. Most zero their block: in the index a zero takes what a write takes,
 * but for its checksum of 4 bytes.
 */
export class RecordSource {
  readonly #payloads = Array.from({ length: PAYLOADS }, () =>
    writeContent(0, randomBytes(BLOCK_BYTES), BLOCK_BYTES),
  );
  #made = 0;

  /** What mkfs.ext4 does to an empty volume: 513 trims. */
  mkfsTrims(): Content[] {
    const trim = (offset: number, length: number): Content => ({
      ...EMPTY,
      kind: RECORD_KIND.trim,
      offset: offset as ByteOffset,
      length,
    });
    const pieces = Array.from({ length: VOLUME_BYTES / TRIM_BYTES }, (_, index) =>
      trim(index * TRIM_BYTES, TRIM_BYTES),
    );
    return [trim(0, BLOCK_BYTES), ...pieces];
  }

  next(count: number): Content[] {
    return Array.from({ length: count }, () => this.#one());
  }

  #one(): Content {
    this.#made += 1;
    const offset = (Math.floor(Math.random() * BLOCKS) * BLOCK_BYTES) as ByteOffset;
    const payload = this.#payloads[this.#made % PAYLOADS]!;
    if (this.#made % WRITE_EVERY === 0) return { ...payload, offset };
    return { ...EMPTY, kind: RECORD_KIND.zero, offset, length: BLOCK_BYTES };
  }
}

const EMPTY = { checksums: NO_CHECKSUMS, payload: NO_PAYLOAD };
