import type { Timers } from '../log/timers.js';

const MICRO_BYTES = 4 * 1024 * 1024;

/** Holds a background check to so many bytes a second. */
export class Pace {
  readonly #timers: Timers;
  readonly #bytesPerSecond: number;
  #owed = 0;

  /** @param bytesPerSecond - Infinity: no limit */
  constructor(timers: Timers, bytesPerSecond: number) {
    this.#timers = timers;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Waits until `bytes` more may be read. */
  async spend(bytes: number): Promise<void> {
    this.#owed += bytes;
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return;
    if (this.#owed < Math.min(MICRO_BYTES, this.#bytesPerSecond / 10)) return;
    const delayMs = (this.#owed / this.#bytesPerSecond) * 1000;
    this.#owed = 0;
    await new Promise<void>((resolve) => {
      this.#timers.after(delayMs, resolve);
    });
  }
}
