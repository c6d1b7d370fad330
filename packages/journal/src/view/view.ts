import { crc32c, RECORD_KIND, RetraceError } from '@retrace/core';
import type { HotIndex, Piece } from '../index/hot-index.js';
import type { JournalLimits } from '../limits.js';

/** A run of bytes that is data or reads as zeros. */
export interface ViewExtent {
  readonly length: number;
  /** No data is stored: never written, zeroed or trimmed. */
  readonly hole: boolean;
  readonly zero: boolean;
}

/** A volume at an instant, read-only. */
export interface View {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /**
   * Fills `target` with the bytes from `offset`, which must lie within the volume. Undefined when
   * that was done without waiting.
   * @throws RetraceError CORRUPTION, naming the place; STORAGE_FAILED
   */
  read(offset: number, target: Buffer): undefined | Promise<void>;
  /**
   * Data and holes from `offset`, consecutive; may stop before `length`, after at least one.
   * @param countMax - no more than these are wanted
   */
  extents(offset: number, length: number, countMax?: number): ViewExtent[];
  close(): void;
}

/** Where payload bytes are read from: the log. */
export interface PayloadSource {
  readPayload(segment: number, position: number, target: Buffer): undefined | Promise<void>;
}

/** Told of every damage a read meets. */
export type DamageSink = (error: RetraceError) => void;

export interface IndexViewOptions {
  readonly index: HotIndex;
  readonly payloads: PayloadSource;
  readonly limits: JournalLimits;
  readonly volumeId: number;
  /** How errors call the volume. */
  readonly volumeName: string;
  readonly seq: number;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly onDamage: DamageSink;
}

/**
 * A view by the index: it holds nothing but its seq, so that it costs the same for any volume and
 * any history, and the seq's meaning never changes (records are only ever added after it).
 */
export class IndexView implements View {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly #options: IndexViewOptions;

  constructor(options: IndexViewOptions) {
    this.#options = options;
    this.sizeBytes = options.sizeBytes;
    this.blockBytes = options.blockBytes;
  }

  read(offset: number, target: Buffer): undefined | Promise<void> {
    const { blockBytes } = this;
    const startBlock = Math.floor(offset / blockBytes);
    const endBlock = Math.ceil((offset + target.length) / blockBytes);
    if (endBlock - startBlock === 1) {
      const { index, volumeId, seq } = this.#options;
      const extent = index.extentAt(volumeId, seq, startBlock);
      return this.#readPiece({ startBlock, blocks: 1, extent }, offset, target);
    }
    return this.#readPieces(this.#pieces(startBlock, endBlock - startBlock), offset, target, 0);
  }

  /** Reads piece after piece, without a promise as long as none has to be waited for. */
  #readPieces(
    pieces: readonly Piece[],
    offset: number,
    target: Buffer,
    from: number,
  ): undefined | Promise<void> {
    for (let i = from; i < pieces.length; i++) {
      const waiting = this.#readPiece(pieces[i]!, offset, target);
      if (waiting !== undefined) {
        return waiting.then(() => this.#readPieces(pieces, offset, target, i + 1));
      }
    }
    return undefined;
  }

  /** Fills the part of `target` (which begins at `offset`) that lies in `piece`. */
  #readPiece(piece: Piece, offset: number, target: Buffer): undefined | Promise<void> {
    const { blockBytes } = this;
    const from = Math.max(offset, piece.startBlock * blockBytes);
    const to = Math.min(offset + target.length, (piece.startBlock + piece.blocks) * blockBytes);
    const part = target.subarray(from - offset, to - offset);
    const { extents } = this.#options.index;
    if (piece.extent === 0 || extents.kind(piece.extent) !== RECORD_KIND.write) {
      part.fill(0);
      return undefined;
    }
    const firstBlock = Math.floor(from / blockBytes);
    const blocks = Math.ceil(to / blockBytes) - firstBlock;
    const stored = extents.payloadBytesOf(piece.extent, firstBlock, blocks, blockBytes);
    const skip = from - firstBlock * blockBytes;
    const whole = skip === 0 && stored === part.length;
    const buffer = whole ? part : Buffer.allocUnsafe(stored);
    const position = extents.positionOf(piece.extent, firstBlock, blockBytes);
    const segment = extents.segment(piece.extent);
    const waiting = this.#options.payloads.readPayload(segment, position, buffer);
    const finish = (): void => {
      this.#check(piece.extent, firstBlock, buffer);
      if (whole) return;
      // Past a short last block there is nothing stored: such bytes are beyond the volume's end
      // unless it has grown since, and then they are zeros.
      const copied = buffer.copy(part, 0, skip);
      part.fill(0, copied);
    };
    if (waiting !== undefined) return waiting.then(finish);
    finish();
    return undefined;
  }

  #check(extent: number, firstBlock: number, bytes: Buffer): void {
    const { extents } = this.#options.index;
    const { blockBytes } = this;
    for (let at = 0, block = firstBlock; at < bytes.length; at += blockBytes, block++) {
      const length = Math.min(blockBytes, bytes.length - at);
      const one = length === bytes.length ? bytes : bytes.subarray(at, at + length);
      if (crc32c(one) !== extents.checksum(extent, block)) this.#damaged(extent, block);
    }
  }

  #damaged(extent: number, block: number): never {
    const { index, volumeName, onDamage } = this.#options;
    const segment = index.extents.segment(extent);
    const position = index.extents.positionOf(extent, block, this.blockBytes);
    const seq = index.extents.seq(extent);
    const byte = block * this.blockBytes;
    const error = new RetraceError(
      'CORRUPTION',
      `${volumeName}: bytes at ${byte}, written at seq:${seq}, are damaged in the payload file ` +
        `of segment ${segment} at byte ${position}; instants before seq:${seq} do not need them`,
      { details: { volume: volumeName, seq, offset: byte, segment, position } },
    );
    onDamage(error);
    throw error;
  }

  extents(
    offset: number,
    length: number,
    countMax: number = Number.POSITIVE_INFINITY,
  ): ViewExtent[] {
    const { blockBytes } = this;
    const { limits, index, volumeId, seq } = this.#options;
    const startBlock = Math.floor(offset / blockBytes);
    const blocks = Math.ceil((offset + length) / blockBytes) - startBlock;
    const budget = {
      lookups: limits.extentsLookupsMax,
      piecesMax: Math.min(countMax, limits.extentsPerAnswerMax),
    };
    return index.dataRuns(volumeId, seq, startBlock, blocks, budget).map((run) => {
      const from = Math.max(offset, run.startBlock * blockBytes);
      const to = Math.min(offset + length, (run.startBlock + run.blocks) * blockBytes);
      const hole = run.extent === 0;
      return { length: to - from, hole, zero: hole };
    });
  }

  #pieces(startBlock: number, blocks: number, budget = unlimitedBudget()): Piece[] {
    const { index, volumeId, seq } = this.#options;
    return index.pieces(volumeId, seq, startBlock, blocks, budget);
  }

  close(): void {
    // Nothing is held: views pin layers only once there are layers.
  }
}

const unlimitedBudget = () => ({
  lookups: Number.POSITIVE_INFINITY,
  piecesMax: Number.POSITIVE_INFINITY,
});
