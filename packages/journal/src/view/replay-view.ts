import { changesContent, crc32c, RECORD_KIND, RetraceError } from '@retrace/core';
import type { LogRecord } from '../log/log-record.js';
import type { PayloadSource } from './segment-source.js';
import type { View, ViewExtent } from './view.js';

/** Where a block's newest bytes are stored. */
interface BlockPlace {
  readonly seq: number;
  readonly segment: number;
  readonly position: number;
  readonly bytes: number;
  readonly checksum: number;
}

/** A volume as `replay` needs to know it. */
export interface ReplayShape {
  readonly volumeId: number;
  readonly sizeBytes: number;
  readonly blockBytes: number;
}

/**
 * The slow, obviously correct way to a view: every record of the volume, from the first to `seq`,
 * one after the other, later ones over earlier ones. Used to check the index. Memory grows with the
 * blocks ever written.
 */
export const replay = async (
  records: AsyncIterable<LogRecord>,
  payloads: PayloadSource,
  shape: ReplayShape,
  seq: number,
): Promise<View> => {
  const blocks = new Map<number, BlockPlace>();
  for await (const record of records) {
    if (record.volumeId !== shape.volumeId || record.seq > seq) continue;
    if (changesContent(record.kind)) apply(blocks, record, shape.blockBytes);
  }
  return new ReplayView(blocks, payloads, shape);
};

const apply = (blocks: Map<number, BlockPlace>, record: LogRecord, blockBytes: number): void => {
  const first = record.offset / blockBytes;
  const count = Math.ceil(record.length / blockBytes);
  if (record.kind === RECORD_KIND.write) {
    for (let i = 0; i < count; i++) {
      blocks.set(first + i, {
        seq: record.seq,
        segment: record.segment,
        position: record.position + i * blockBytes,
        bytes: Math.min(blockBytes, record.payloadBytes - i * blockBytes),
        checksum: record.checksums[i]!,
      });
    }
  } else if (count < blocks.size) {
    for (let i = 0; i < count; i++) blocks.delete(first + i);
  } else {
    for (const block of blocks.keys()) {
      if (block >= first && block < first + count) blocks.delete(block);
    }
  }
};

class ReplayView implements View {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly #blocks: ReadonlyMap<number, BlockPlace>;
  readonly #payloads: PayloadSource;

  constructor(
    blocks: ReadonlyMap<number, BlockPlace>,
    payloads: PayloadSource,
    shape: ReplayShape,
  ) {
    this.#blocks = blocks;
    this.#payloads = payloads;
    this.sizeBytes = shape.sizeBytes;
    this.blockBytes = shape.blockBytes;
  }

  async read(offset: number, target: Buffer): Promise<void> {
    const end = offset + target.length;
    const { blockBytes } = this;
    target.fill(0);
    for (let block = Math.floor(offset / blockBytes); block * blockBytes < end; block++) {
      const place = this.#blocks.get(block);
      if (place === undefined) continue;
      const bytes = await this.#readBlock(block, place);
      const from = Math.max(offset, block * blockBytes);
      bytes.copy(target, from - offset, from - block * blockBytes);
    }
  }

  async #readBlock(block: number, place: BlockPlace): Promise<Buffer> {
    const bytes = Buffer.alloc(place.bytes);
    await this.#payloads.readPayload(place.segment, place.position, bytes);
    if (crc32c(bytes) === place.checksum) return bytes;
    throw new RetraceError(
      'CORRUPTION',
      `block ${block}, written at seq:${place.seq}, is damaged in the payload file of segment ` +
        `${place.segment} at byte ${place.position}`,
      { details: { seq: place.seq, segment: place.segment, position: place.position } },
    );
  }

  extents(
    offset: number,
    length: number,
    countMax: number = Number.POSITIVE_INFINITY,
  ): ViewExtent[] {
    if (this.#blocks.size === 0) return [{ length, hole: true, zero: true }];
    const out: { length: number; hole: boolean; zero: boolean }[] = [];
    const { blockBytes } = this;
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const block = Math.floor(at / blockBytes);
      const to = Math.min(end, (block + 1) * blockBytes);
      const hole = !this.#blocks.has(block);
      const last = out.at(-1);
      if (last !== undefined && last.hole === hole) last.length += to - at;
      else if (out.length >= countMax) break;
      else out.push({ length: to - at, hole, zero: hole });
      at = to;
    }
    return out;
  }

  close(): void {
    // Holds nothing but memory.
  }
}
