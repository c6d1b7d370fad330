import { randomInt } from 'node:crypto';
import { onTestFailed } from 'vitest';

/** Random numbers that can be had again: `RETRACE_SEED=N npm test` repeats a run. */
export class SeededRandom {
  readonly seed: number;
  #state: number;

  /** @param seed 0 to 2^32 - 1 */
  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** A u32, by mulberry32 (Tommy Ettinger): small, fast, and every seed is a good one. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** From 0 to 1, without 1. */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both inclusive. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** True this often: 0 is never, 1 is always. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of these. The list must not be empty. */
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from');
    return list[this.integer(0, list.length - 1)] as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    for (; at + 4 <= length; at += 4) bytes.writeUInt32LE(this.uint32(), at);
    for (; at < length; at += 1) bytes[at] = this.uint32() & 0xff;
    return bytes;
  }
}

/** Random numbers for one test, which prints their seed if it fails. */
export function seededRandom(seed?: number): SeededRandom {
  const fromEnvironment = process.env.RETRACE_SEED;
  const chosen = seed ?? (fromEnvironment ? Number(fromEnvironment) : randomInt(2 ** 32));
  try {
    onTestFailed(() => {
      console.error(`random numbers of this test: repeat it with RETRACE_SEED=${chosen}`);
    });
  } catch {
    // Outside of a test there is nobody to tell at the end: say it now.
    console.error(`RETRACE_SEED=${chosen}`);
  }
  return new SeededRandom(chosen);
}
