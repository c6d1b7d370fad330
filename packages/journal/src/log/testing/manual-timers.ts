import type { Timers } from '../timers.js';

/** Timers that run when the test says so. */
export class ManualTimers implements Timers {
  readonly #waiting = new Set<{ readonly delayMs: number; readonly work: () => void }>();

  after(delayMs: number, work: () => void): () => void {
    const timer = { delayMs, work };
    this.#waiting.add(timer);
    return () => this.#waiting.delete(timer);
  }

  /** Delays of those that wait. */
  get delaysMs(): readonly number[] {
    return [...this.#waiting].map(({ delayMs }) => delayMs);
  }

  /** Runs all that wait now. */
  run(): void {
    const due = [...this.#waiting];
    this.#waiting.clear();
    for (const { work } of due) work();
  }
}
