import { changesContent, crc32c, RECORD_KIND, RetraceError } from '@retrace/core';
import { regionBlocks } from '../index/dyadic.js';
import type { LayerVolume } from '../layer/layer-volume.js';
import type { RowPage } from '../layer/row-page.js';
import { ROW_KIND } from '../layer/rows.js';
import type { LogRecord } from '../log/log-record.js';
import type { PayloadSource } from './segment-source.js';
import type { View, ViewExtent } from './view.js';

/** Where a block's newest bytes are stored. */
interface BlockPlace {
  readonly seq: number;
  readonly bytes: number;
  readonly checksum: number;
  /** What is damaged when they are not what was written. */
  readonly where: string;
  readonly read: (target: Buffer) => undefined | Promise<void>;
}

/** A volume as `replay` needs to know it. */
export interface ReplayShape {
  readonly volumeId: number;
  readonly sizeBytes: number;
  readonly blockBytes: number;
}

export interface ReplayOptions {
  /** The volume in each layer, oldest first; opened one after the other. */
  readonly layers: readonly (() => LayerVolume | Promise<LayerVolume>)[];
  /** The records of the log, which are newer than all layers. */
  readonly records: AsyncIterable<LogRecord>;
  readonly payloads: PayloadSource;
  readonly shape: ReplayShape;
  readonly seq: number;
  readonly onClose: () => void;
}

/**
 * The slow, obviously correct way to a view: every version and every record of the volume, from the
 * first to `seq`, one after the other, later ones over earlier ones. Used to check the indexes.
 * Memory grows with the blocks ever written.
 */
export const replay = async (options: ReplayOptions): Promise<View> => {
  const { layers, records, payloads, shape, seq, onClose } = options;
  const blocks = new Map<number, BlockPlace>();
  for (const open of layers) await applyLayer(blocks, await open(), seq);
  for await (const record of records) {
    if (record.volumeId !== shape.volumeId || record.seq > seq) continue;
    if (changesContent(record.kind)) apply(blocks, record, payloads, shape.blockBytes);
  }
  return new ReplayView(blocks, shape, onClose);
};

/** Page by page in the order they are stored: rows first, then what was zeroed after them. */
const applyLayer = async (
  blocks: Map<number, BlockPlace>,
  volume: LayerVolume,
  seq: number,
): Promise<void> => {
  const pages = await volume.rowPages();
  for (let index = 0; index < (pages?.count ?? 0); index++) {
    const page = await pages!.read(index);
    for (let row = 0; row < page.count; row++) {
      const block = page.keys[row]!;
      const rowSeq = page.seqs[row]!;
      if (rowSeq > seq || (blocks.get(block)?.seq ?? 0) > rowSeq) continue;
      blocks.set(block, {
        seq: rowSeq,
        bytes: page.payloadBytes[row]!,
        checksum: page.checksums[row]!,
        where: pages!.placeOf(index),
        read: (target) => readRow(volume, page, row, target),
      });
    }
  }
  for await (const regions of volume.scanRegions()) {
    for (const { level, index, seq: zeroSeq } of regions) {
      if (zeroSeq > seq) continue;
      const count = regionBlocks(level);
      eachKnown(blocks, index * count, count, (block, place) => {
        if (place.seq < zeroSeq) blocks.delete(block);
      });
    }
  }
};

const readRow = (
  volume: LayerVolume,
  page: RowPage,
  row: number,
  target: Buffer,
): undefined | Promise<void> => {
  if (page.kinds[row] === ROW_KIND.data) return volume.read({ page, row }, target, 0);
  const why = `block ${page.keys[row]}, written at seq:${page.seqs[row]}, was lost in the log`;
  throw new RetraceError('CORRUPTION', why, { details: { seq: page.seqs[row] } });
};

/** Visits the blocks of a range that have a place, by whichever is shorter: range or map. */
const eachKnown = (
  blocks: ReadonlyMap<number, BlockPlace>,
  first: number,
  count: number,
  visit: (block: number, place: BlockPlace) => void,
): void => {
  if (count < blocks.size) {
    for (let block = first; block < first + count; block++) {
      const place = blocks.get(block);
      if (place !== undefined) visit(block, place);
    }
    return;
  }
  for (const [block, place] of blocks) {
    if (block >= first && block < first + count) visit(block, place);
  }
};

const apply = (
  blocks: Map<number, BlockPlace>,
  record: LogRecord,
  payloads: PayloadSource,
  blockBytes: number,
): void => {
  const first = record.offset / blockBytes;
  const count = Math.ceil(record.length / blockBytes);
  const { seq, segment } = record;
  if (record.kind !== RECORD_KIND.write) {
    eachKnown(blocks, first, count, (block) => blocks.delete(block));
    return;
  }
  for (let i = 0; i < count; i++) {
    const position = record.position + i * blockBytes;
    blocks.set(first + i, {
      seq,
      bytes: Math.min(blockBytes, record.payloadBytes - i * blockBytes),
      checksum: record.checksums[i]!,
      where: `the payload file of segment ${segment} at byte ${position}`,
      read: (target) => payloads.readPayload(segment, position, target),
    });
  }
};

class ReplayView implements View {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly #blocks: ReadonlyMap<number, BlockPlace>;
  readonly #onClose: () => void;

  constructor(blocks: ReadonlyMap<number, BlockPlace>, shape: ReplayShape, onClose: () => void) {
    this.#blocks = blocks;
    this.#onClose = onClose;
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
    await place.read(bytes);
    if (crc32c(bytes) === place.checksum) return bytes;
    throw new RetraceError(
      'CORRUPTION',
      `block ${block}, written at seq:${place.seq}, is damaged in ${place.where}`,
      { details: { seq: place.seq, place: place.where } },
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
    this.#onClose();
  }
}
