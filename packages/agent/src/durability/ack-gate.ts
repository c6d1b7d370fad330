import type { Cancel, Scheduler } from '../system/scheduler.js';

interface Waiter {
  readonly n: number;
  readonly deadlineMs: number;
  readonly release: () => void;
}

/**
 * Holds answers back until the journal has stored the records they depend on. Waiters come with
 * growing n, so one timer, for the oldest, is enough.
 */
export class AckGate {
  readonly #scheduler: Scheduler;
  readonly #waitMsMax: number;
  readonly #overdue: () => void;
  #waiters: Waiter[] = [];
  #timer: Cancel | undefined;

  /** @param overdue - somebody has waited for `waitMsMax`; must {@link releaseAll} */
  constructor(scheduler: Scheduler, waitMsMax: number, overdue: () => void) {
    this.#scheduler = scheduler;
    this.#waitMsMax = waitMsMax;
    this.#overdue = overdue;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** Resolves once record `n` is stored, or nobody waits any more. Never rejects. */
  wait(n: number): Promise<void> {
    return new Promise((release) => {
      const deadlineMs = this.#scheduler.nowMs() + this.#waitMsMax;
      this.#waiters.push({ n, deadlineMs, release });
      if (this.#timer === undefined) this.#arm(deadlineMs);
    });
  }

  /** The journal has stored everything up to `n`. */
  acknowledged(n: number): void {
    let done = 0;
    while (done < this.#waiters.length && this.#waiters[done]!.n <= n) {
      this.#waiters[done]!.release();
      done += 1;
    }
    if (done > 0) this.#waiters.splice(0, done);
    if (this.#waiters.length === 0) this.#disarm();
  }

  /** Lets everybody go. */
  releaseAll(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#disarm();
    for (const { release } of waiters) release();
  }

  #arm(deadlineMs: number): void {
    const leftMs = Math.max(0, deadlineMs - this.#scheduler.nowMs());
    this.#timer = this.#scheduler.after(leftMs, () => {
      this.#timer = undefined;
      const first = this.#waiters[0];
      if (first === undefined) return;
      if (first.deadlineMs <= this.#scheduler.nowMs()) this.#overdue();
      else this.#arm(first.deadlineMs);
    });
  }

  #disarm(): void {
    this.#timer?.();
    this.#timer = undefined;
  }
}
