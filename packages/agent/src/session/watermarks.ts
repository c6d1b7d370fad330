import type { Watermark } from '@retrace/core';
import type { AgentLimits } from '../limits.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Cancel, Scheduler } from '../system/scheduler.js';

/** Tells the journal, every second and when the queue has drained, up to when it is complete. */
export class Watermarks {
  readonly #stream: RecordStream;
  readonly #limits: AgentLimits;
  readonly #scheduler: Scheduler;
  readonly #send: (watermark: Watermark) => void;
  #timer: Cancel | undefined;
  #sentMs = Number.NEGATIVE_INFINITY;
  #isSoon = false;

  constructor(
    stream: RecordStream,
    limits: AgentLimits,
    scheduler: Scheduler,
    send: (watermark: Watermark) => void,
  ) {
    this.#stream = stream;
    this.#limits = limits;
    this.#scheduler = scheduler;
    this.#send = send;
  }

  start(): void {
    this.#arm(this.#limits.watermarkMs);
  }

  stop(): void {
    this.#timer?.();
  }

  /** Everything queued is stored: say so soon. */
  drained(): void {
    if (this.#isSoon) return;
    const { watermarkMs, watermarkMsMin } = this.#limits;
    const sinceMs = this.#scheduler.nowMs() - this.#sentMs;
    const delayMs = Math.min(watermarkMs, Math.max(0, watermarkMsMin - sinceMs));
    this.#isSoon = true;
    this.#timer?.();
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    this.#timer = this.#scheduler.after(delayMs, () => {
      this.#isSoon = false;
      this.#sentMs = this.#scheduler.nowMs();
      const watermark = currentWatermark(this.#stream);
      if (watermark !== undefined) this.#send(watermark);
      this.#arm(this.#limits.watermarkMs);
    });
  }
}

/**
 * What may be said now: everything done up to a time is in the records sent. A record made from now
 * on may still have this very microsecond, so the time said is the one before.
 */
export const currentWatermark = (stream: RecordStream): Watermark | undefined => {
  if (!stream.recording) return undefined;
  const nowUs = stream.nowUs();
  const unsent = stream.queue.firstUnsent;
  const n = unsent === undefined ? stream.position.n : unsent.n - 1;
  const timeUs = (unsent === undefined ? nowUs : unsent.timeUs) - 1;
  if (n < 1 || timeUs < 0) return undefined;
  return { type: 'watermark', timeUs, epoch: stream.epoch, n };
};
