import { crc32c, RECORD_KIND, RetraceError } from '@retrace/core';
import type { HotIndex, Piece, RangeBudget } from '../index/hot-index.js';
import type { BlockPiece, BlockSource, SourcePiece } from './block-source.js';

/** Where payload bytes of the log are read from. */
export interface PayloadSource {
  readPayload(segment: number, position: number, target: Buffer): undefined | Promise<void>;
}

/** Told of every damage a read meets. */
export type DamageSink = (error: RetraceError) => void;

export interface SegmentSourceOptions {
  readonly index: HotIndex;
  readonly payloads: PayloadSource;
  readonly volumeId: number;
  /** How errors call the volume. */
  readonly volumeName: string;
  readonly blockBytes: number;
  readonly onDamage: DamageSink;
}

const RUN_KINDS = ['none', 'data', 'zero'] as const;

/** A volume's blocks by the hot index of one segment of the log, and its payload file. */
export class SegmentSource implements BlockSource {
  readonly #options: SegmentSourceOptions;

  constructor(options: SegmentSourceOptions) {
    this.#options = options;
  }

  pieces(seq: number, start: number, blocks: number, budget: RangeBudget): readonly SourcePiece[] {
    const { index, volumeId } = this.#options;
    if (blocks === 1) {
      const extent = index.extentAt(volumeId, seq, start);
      return [this.#piece({ startBlock: start, blocks, extent })];
    }
    return index.pieces(volumeId, seq, start, blocks, budget).map((piece) => this.#piece(piece));
  }

  runs(seq: number, start: number, blocks: number, budget: RangeBudget): readonly BlockPiece[] {
    const { index, volumeId } = this.#options;
    return index
      .dataRuns(volumeId, seq, start, blocks, budget)
      .map(({ startBlock, blocks: count, extent }) => ({
        startBlock,
        blocks: count,
        kind: RUN_KINDS[extent]!,
      }));
  }

  #piece({ startBlock, blocks, extent }: Piece): SourcePiece {
    if (extent === 0) return { startBlock, blocks, kind: 'none' };
    if (this.#options.index.extents.kind(extent) !== RECORD_KIND.write) {
      return { startBlock, blocks, kind: 'zero' };
    }
    const read = (byte: number, target: Buffer) => this.#read(extent, byte, target);
    return { startBlock, blocks, kind: 'data', read };
  }

  #read(extent: number, byte: number, target: Buffer): undefined | Promise<void> {
    const { blockBytes, payloads, index } = this.#options;
    const { extents } = index;
    const firstBlock = Math.floor(byte / blockBytes);
    const blocks = Math.ceil((byte + target.length) / blockBytes) - firstBlock;
    const stored = extents.payloadBytesOf(extent, firstBlock, blocks, blockBytes);
    const skip = byte - firstBlock * blockBytes;
    const whole = skip === 0 && stored === target.length;
    const buffer = whole ? target : Buffer.allocUnsafe(stored);
    const position = extents.positionOf(extent, firstBlock, blockBytes);
    const waiting = payloads.readPayload(extents.segment(extent), position, buffer);
    const finish = (): void => {
      this.#check(extent, firstBlock, buffer);
      if (whole) return;
      // Past a short last block there is nothing stored: such bytes are beyond the volume's end
      // unless it has grown since, and then they are zeros.
      const copied = buffer.copy(target, 0, skip);
      target.fill(0, copied);
    };
    if (waiting !== undefined) return waiting.then(finish);
    finish();
    return undefined;
  }

  #check(extent: number, firstBlock: number, bytes: Buffer): void {
    const { blockBytes, index } = this.#options;
    for (let at = 0, block = firstBlock; at < bytes.length; at += blockBytes, block++) {
      const length = Math.min(blockBytes, bytes.length - at);
      const one = length === bytes.length ? bytes : bytes.subarray(at, at + length);
      if (crc32c(one) !== index.extents.checksum(extent, block)) this.#damaged(extent, block);
    }
  }

  #damaged(extent: number, block: number): never {
    const { index, volumeName, blockBytes, onDamage } = this.#options;
    const segment = index.extents.segment(extent);
    const position = index.extents.positionOf(extent, block, blockBytes);
    const seq = index.extents.seq(extent);
    const byte = block * blockBytes;
    const error = new RetraceError(
      'CORRUPTION',
      `${volumeName}: bytes at ${byte}, written at seq:${seq}, are damaged in the payload file ` +
        `of segment ${segment} at byte ${position}; instants before seq:${seq} do not need them`,
      { details: { volume: volumeName, seq, offset: byte, segment, position } },
    );
    onDamage(error);
    throw error;
  }
}
