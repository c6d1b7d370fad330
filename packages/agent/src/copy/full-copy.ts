import { RECORD_FLAG, RECORD_KIND } from '@retrace/core';
import { pause } from '../system/scheduler.js';
import type { Volume } from '../volume/volume.js';
import type { PathContext } from '../volume/write-path.js';

/** What became of a copy; `n` is its sync-complete mark. */
export type CopyResult =
  | { readonly kind: 'queued'; readonly n: number }
  | { readonly kind: 'abandoned' };

/**
 * Copies a volume into the record stream while it is in use: piece by piece under the range lock,
 * as records like any write. Holes and zeros become ranges. Abandoned once the stream is lost.
 */
export class FullCopy {
  readonly #context: PathContext;
  readonly #volume: Volume;
  readonly #epoch: number;
  readonly #losses: number;
  readonly #isWanted: () => boolean;
  readonly #zeros: Buffer;
  #regionBytes: number;

  /** @param isWanted - asked before every piece; false abandons the copy */
  constructor(context: PathContext, isWanted: () => boolean) {
    this.#context = context;
    this.#volume = context.volume;
    this.#epoch = context.stream.epoch;
    this.#losses = context.volume.losses;
    this.#isWanted = isWanted;
    this.#zeros = Buffer.alloc(context.limits.copyChunkBytes);
    this.#regionBytes = context.limits.copyChunkBytes;
  }

  /** @throws system errors of the local disk */
  async run(): Promise<CopyResult> {
    const volume = this.#volume;
    const { stream } = this.#context;
    volume.copiedBytes = 0;
    volume.copyTotalBytes = volume.sizeBytes;
    try {
      stream.mark(volume.index, { mark: 'sync-begin' });
      let at = 0;
      while (at < volume.sizeBytes) {
        if (!this.#goesOn) return { kind: 'abandoned' };
        at = await this.#politely(() => this.#copyFrom(at));
        volume.copiedBytes = at;
      }
      if (!this.#goesOn) return { kind: 'abandoned' };
      return { kind: 'queued', n: stream.mark(volume.index, { mark: 'sync-complete' }) };
    } finally {
      volume.copiedBytes = 0;
      volume.copyTotalBytes = 0;
    }
  }

  get #goesOn(): boolean {
    const { stream } = this.#context;
    return (
      this.#isWanted() &&
      stream.recording &&
      stream.epoch === this.#epoch &&
      this.#volume.losses === this.#losses
    );
  }

  /** While guests are at work, the copy rests as long as it works. */
  async #politely(work: () => Promise<number>): Promise<number> {
    const { scheduler } = this.#context;
    const requests = this.#volume.guestRequests;
    const startMs = scheduler.nowMs();
    const result = await work();
    const busy = this.#volume.guestRequests !== requests;
    await pause(scheduler, busy ? scheduler.nowMs() - startMs : 0);
    return result;
  }

  /** Copies one piece; returns where the next begins. */
  async #copyFrom(at: number): Promise<number> {
    const holeEnd = this.#holeEnd(at);
    return holeEnd > at ? this.#copyHole(at, holeEnd) : this.#copyRegion(at);
  }

  /** End of the hole at `at`, in whole blocks; `at` where there is data. */
  #holeEnd(at: number): number {
    const volume = this.#volume;
    const data = volume.disk.nextData(at);
    const end = data === undefined ? volume.sizeBytes : data - (data % volume.blockBytes);
    return Math.min(Math.max(at, end), at + this.#context.limits.copyHoleBytesMax);
  }

  async #copyHole(at: number, wantedEnd: number): Promise<number> {
    const volume = this.#volume;
    const { stream } = this.#context;
    const held = await volume.locks.acquire(at, wantedEnd);
    try {
      // A guest may have written before the lock was ours.
      const end = Math.min(wantedEnd, this.#holeEnd(at));
      if (end <= at || !this.#goesOn) return at;
      stream.range(RECORD_KIND.zero, volume.index, RECORD_FLAG.syncCopy, at, end - at);
      return end;
    } finally {
      held.release();
    }
  }

  /**
   * Reads chunks under one lock until there is one with data, or the region ends. Where zeros
   * follow zeros the regions grow, so that their records are few.
   */
  async #copyRegion(at: number): Promise<number> {
    const volume = this.#volume;
    const { room, stream, limits } = this.#context;
    const end = Math.min(at + this.#regionBytes, volume.sizeBytes);
    const reserved = await room.takeForCopy(limits.copyChunkBytes);
    try {
      const held = await volume.locks.acquire(at, end);
      try {
        let next = at;
        let data: Buffer | undefined;
        while (next < end && data === undefined && this.#goesOn) {
          data = await this.#readData(next, Math.min(limits.copyChunkBytes, end - next));
          if (data === undefined) next += Math.min(limits.copyChunkBytes, end - next);
        }
        if (!this.#goesOn) return at;
        const flags = RECORD_FLAG.syncCopy;
        if (next > at) stream.range(RECORD_KIND.zero, volume.index, flags, at, next - at);
        if (data !== undefined) stream.write(volume.index, flags, next, data);
        const doubled = Math.min(this.#regionBytes * 2, limits.copyRegionBytesMax);
        this.#regionBytes = data === undefined ? doubled : limits.copyChunkBytes;
        return next + (data?.length ?? 0);
      } finally {
        held.release();
      }
    } finally {
      room.give(reserved);
    }
  }

  /** The bytes there, or undefined when all are zero. */
  async #readData(offset: number, length: number): Promise<Buffer | undefined> {
    const { payloads } = this.#context.stream.queue;
    const bytes = payloads.take(length);
    await this.#volume.disk.read(offset, bytes);
    if (!bytes.equals(this.#zeros.subarray(0, length))) return bytes;
    payloads.give(bytes);
    return undefined;
  }
}
