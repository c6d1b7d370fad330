import { RECORD_FLAG, RECORD_KIND, type RecordKind } from '@retrace/core';
import type { NbdPending, NbdWriteZeroesOptions } from '@retrace/nbd';
import type { ZeroMode } from '../backing/disk.js';
import { pause } from '../system/scheduler.js';
import { type BlockRange, innerBlocks, touchedBlocks } from './block-range.js';
import { ioError } from './io-error.js';
import type { PathContext, WritePath } from './write-path.js';

const ZEROS = Buffer.alloc(1024 * 1024);

interface ZeroRequest {
  readonly kind: RecordKind;
  readonly flags: number;
  readonly mode: ZeroMode;
}

/**
 * TRIM and WRITE_ZEROES. Both make a range read as zeros, on the disk and in the journal. A trim
 * leaves blocks it covers in part alone, and is answered without touching anything where the disk
 * cannot punch holes; write-zeroes does neither.
 */
export class ZeroPath {
  readonly #context: PathContext;
  readonly #writes: WritePath;
  #pieceBytes: number;

  constructor(context: PathContext, writes: WritePath) {
    this.#context = context;
    this.#writes = writes;
    this.#pieceBytes = context.limits.zeroPieceBytesMin;
  }

  trim(offset: number, length: number, fua: boolean, gone: AbortSignal): NbdPending {
    const { volume } = this.#context;
    volume.guestRequests += 1;
    const inner = innerBlocks(offset, length, volume.blockBytes, volume.sizeBytes);
    if (inner.length === 0) return volume.durability.afterChange(0, fua);
    const flags = fua ? RECORD_FLAG.fua : 0;
    return this.#run(inner, inner, { kind: RECORD_KIND.trim, flags, mode: 'hole' }, gone);
  }

  writeZeroes(
    offset: number,
    length: number,
    options: NbdWriteZeroesOptions,
    gone: AbortSignal,
  ): NbdPending {
    const { volume } = this.#context;
    volume.guestRequests += 1;
    const flags = options.fua ? RECORD_FLAG.fua : 0;
    const mode = options.noHole ? 'allocated' : 'hole';
    return this.#run({ offset, length }, undefined, { kind: RECORD_KIND.zero, flags, mode }, gone);
  }

  async #run(
    range: BlockRange,
    whole: BlockRange | undefined,
    request: ZeroRequest,
    gone: AbortSignal,
  ): Promise<void> {
    const { volume, room } = this.#context;
    const { blockBytes, sizeBytes } = volume;
    const touched = whole ?? touchedBlocks(range.offset, range.length, blockBytes, sizeBytes);
    const inner = whole ?? innerBlocks(range.offset, range.length, blockBytes, sizeBytes);
    const reserved = await room.take(touched.length - inner.length, gone);
    let n = 0;
    try {
      const end = touched.offset + touched.length;
      const held = await volume.locks.acquire(touched.offset, end, gone);
      try {
        if (inner.length > 0) n = await this.#zeroBlocks(inner, request);
        if (touched.length > inner.length) {
          n = Math.max(n, await this.#zeroEdges(range, touched, inner, request.flags));
        }
      } finally {
        held.release();
      }
    } finally {
      room.give(reserved);
    }
    await volume.durability.afterChange(n, (request.flags & RECORD_FLAG.fua) !== 0);
  }

  /** Zeros whole blocks in pieces, each with its record; returns n of the last. */
  async #zeroBlocks(inner: BlockRange, { kind, flags, mode }: ZeroRequest): Promise<number> {
    const { volume, stream, limits, scheduler } = this.#context;
    const end = inner.offset + inner.length;
    let n = 0;
    for (let at = inner.offset; at < end; ) {
      const length = Math.min(this.#pieceBytes, end - at);
      const startMs = scheduler.nowMs();
      try {
        if (!volume.disk.zeroSync(at, length, mode)) {
          if (kind === RECORD_KIND.trim) return n;
          if (mode === 'allocated' || !volume.disk.zeroSync(at, length, 'allocated')) {
            await this.#writeZeros(at, length);
          }
        }
      } catch (error) {
        await this.#writes.recordWhatIsThere({ offset: at, length });
        throw ioError(`zeroing ${volume.fullName} at ${at} failed`, error);
      }
      n = stream.range(kind, volume.index, flags, at, length);
      at += length;
      this.#adapt(scheduler.nowMs() - startMs, limits.zeroPieceMs);
      if (at < end) await pause(scheduler);
    }
    return n;
  }

  async #writeZeros(offset: number, length: number): Promise<void> {
    const { disk } = this.#context.volume;
    for (let done = 0; done < length; done += ZEROS.length) {
      await disk.write(offset + done, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
    }
  }

  /** The blocks at either end that the range covers in part: written as data. */
  async #zeroEdges(
    range: BlockRange,
    touched: BlockRange,
    inner: BlockRange,
    flags: number,
  ): Promise<number> {
    const end = range.offset + range.length;
    const touchedEnd = touched.offset + touched.length;
    if (inner.length === 0) return this.#zeroEdge(touched, range.offset, end, flags);
    let n = 0;
    if (touched.offset < inner.offset) {
      const block = { offset: touched.offset, length: inner.offset - touched.offset };
      n = await this.#zeroEdge(block, range.offset, inner.offset, flags);
    }
    const innerEnd = inner.offset + inner.length;
    if (innerEnd < touchedEnd) {
      const block = { offset: innerEnd, length: touchedEnd - innerEnd };
      n = await this.#zeroEdge(block, innerEnd, end, flags);
    }
    return n;
  }

  #zeroEdge(block: BlockRange, from: number, to: number, flags: number): Promise<number> {
    return this.#writes.writeLocked(block, from, Buffer.alloc(to - from), flags);
  }

  #adapt(tookMs: number, wantedMs: number): void {
    const { zeroPieceBytesMin, zeroPieceBytesMax } = this.#context.limits;
    if (tookMs > wantedMs) this.#pieceBytes = Math.max(this.#pieceBytes / 2, zeroPieceBytesMin);
    else this.#pieceBytes = Math.min(this.#pieceBytes * 2, zeroPieceBytesMax);
  }
}
