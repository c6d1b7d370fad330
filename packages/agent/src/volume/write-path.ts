import { RECORD_FLAG } from '@retrace/core';
import type { NbdPending } from '@retrace/nbd';
import type { AgentLimits } from '../limits.js';
import type { Room } from '../queue/room.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Scheduler } from '../system/scheduler.js';
import { type BlockRange, isWholeBlocks, touchedBlocks } from './block-range.js';
import { ioError } from './io-error.js';
import type { Volume } from './volume.js';

/** What the paths of a volume work with. */
export interface PathContext {
  readonly volume: Volume;
  readonly stream: RecordStream;
  readonly room: Room;
  readonly limits: AgentLimits;
  readonly scheduler: Scheduler;
}

/** Larger ranges are not read again after a failure: a full copy does it. */
const REREAD_BYTES_MAX = 32 * 1024 * 1024;
const REREAD_CHUNK_BYTES = 1024 * 1024;

/**
 * The way of a guest's write: range lock, local disk, record, release, answer. A small write that
 * nothing stands in the way of is done within the call, without a promise.
 */
export class WritePath {
  readonly #context: PathContext;
  /** Until then the disk is taken for throttled. */
  #slowUntilMs = 0;

  constructor(context: PathContext) {
    this.#context = context;
  }

  /**
   * @param data - kept in the queue, without a copy where it is whole blocks
   * @param gone - aborted when the guest's connection ends
   */
  write(offset: number, data: Buffer, fua: boolean, gone: AbortSignal): NbdPending {
    const { volume, stream, room, limits, scheduler } = this.#context;
    const { length } = data;
    volume.guestRequests += 1;
    if (
      length >= limits.pooledIoBytesMin ||
      !isWholeBlocks(offset, length, volume.blockBytes, volume.sizeBytes) ||
      !volume.locks.isFree(offset, offset + length) ||
      !room.hasRoom(length)
    ) {
      return this.#writeSlowly(offset, data, fua, gone);
    }
    const startMs = scheduler.nowMs();
    if (startMs < this.#slowUntilMs) return this.#writeSlowly(offset, data, fua, gone);
    try {
      volume.disk.writeSync(offset, data);
    } catch (error) {
      return this.#mend({ offset, length }, error);
    }
    const n = stream.write(volume.index, fua ? RECORD_FLAG.fua : 0, offset, data);
    if (scheduler.nowMs() - startMs > limits.slowWriteMs) {
      this.#slowUntilMs = startMs + limits.slowDiskMs;
    }
    return volume.durability.afterChange(n, fua);
  }

  async #writeSlowly(offset: number, data: Buffer, fua: boolean, gone: AbortSignal): Promise<void> {
    const { volume, room } = this.#context;
    const touched = touchedBlocks(offset, data.length, volume.blockBytes, volume.sizeBytes);
    const reserved = await room.take(touched.length, gone);
    let n = 0;
    try {
      const held = await volume.locks.acquire(
        touched.offset,
        touched.offset + touched.length,
        gone,
      );
      try {
        n = await this.writeLocked(touched, offset, data, fua ? RECORD_FLAG.fua : 0);
      } finally {
        held.release();
      }
    } finally {
      room.give(reserved);
    }
    await volume.durability.afterChange(n, fua);
  }

  /**
   * Writes and records under a lock the caller holds on `touched`, which is what the record covers:
   * where `data` is not whole blocks, it is completed from the disk.
   * @returns n of the record
   * @throws NbdError when the disk failed; what it holds then is recorded
   */
  async writeLocked(
    touched: BlockRange,
    offset: number,
    data: Buffer,
    flags: number,
  ): Promise<number> {
    const { volume, stream } = this.#context;
    try {
      if (touched.length === data.length) {
        await volume.disk.write(offset, data);
        return stream.write(volume.index, flags, offset, data);
      }
      const whole = Buffer.allocUnsafeSlow(touched.length);
      await this.#readAround(touched, offset, data.length, whole);
      data.copy(whole, offset - touched.offset);
      await volume.disk.write(offset, data);
      return stream.write(volume.index, flags, touched.offset, whole);
    } catch (error) {
      await this.recordWhatIsThere(touched);
      throw ioError(`write of ${volume.fullName} at ${offset} failed`, error);
    }
  }

  /** Fills the first and last block of `whole`: what lies between is overwritten anyway. */
  async #readAround(
    touched: BlockRange,
    offset: number,
    length: number,
    whole: Buffer,
  ): Promise<void> {
    const { disk, blockBytes } = this.#context.volume;
    const lastAt = touched.length - 1 - ((touched.length - 1) % blockBytes);
    const headCut = offset > touched.offset;
    const tailCut = offset + length < touched.offset + touched.length;
    if (headCut) await this.#readBlock(disk, touched.offset, whole.subarray(0, blockBytes));
    if (tailCut && !(headCut && lastAt === 0)) {
      await this.#readBlock(disk, touched.offset + lastAt, whole.subarray(lastAt));
    }
  }

  async #readBlock(disk: Volume['disk'], offset: number, target: Buffer): Promise<void> {
    const cached = disk.readCached(offset, target.length);
    if (cached !== undefined) cached.copy(target, 0, 0, target.length);
    else await disk.read(offset, target);
  }

  /**
   * After a failed write, under its lock: records what the disk holds in the range now. What cannot
   * be read opens a gap.
   */
  async recordWhatIsThere(range: BlockRange): Promise<void> {
    const { volume, stream } = this.#context;
    if (range.length > REREAD_BYTES_MAX) {
      volume.openGap('local-read-failed', 'a long write to the local disk failed');
      return;
    }
    const end = range.offset + range.length;
    for (let at = range.offset; at < end; at += REREAD_CHUNK_BYTES) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(REREAD_CHUNK_BYTES, end - at));
      try {
        await volume.disk.read(at, bytes);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        volume.openGap('local-read-failed', `the local disk cannot be read at ${at}: ${why}`);
        return;
      }
      stream.write(volume.index, 0, at, bytes);
    }
  }

  /** The write was made without an entry in the lock: what follows it needs one. */
  async #mend(range: BlockRange, error: unknown): Promise<void> {
    const { volume } = this.#context;
    const held = await volume.locks.acquire(range.offset, range.offset + range.length);
    try {
      await this.recordWhatIsThere(range);
    } finally {
      held.release();
    }
    throw ioError(`write of ${volume.fullName} at ${range.offset} failed`, error);
  }
}
