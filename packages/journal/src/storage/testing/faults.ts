/** One access to the storage, as a fault plan sees it. */
export interface Access {
  /** Counts every access, from 1. */
  readonly step: number;
  readonly kind:
    | 'open'
    | 'writev'
    | 'sync'
    | 'read'
    | 'sync-directory'
    | 'change-directory'
    | 'open-database'
    | 'write-database'
    | 'scan-database';
  readonly path: string;
}

/**
 * What is to go wrong: `crash` is a power cut in the middle of the access, after which nothing
 * works any more; `short` writes only so many bytes; `lie` says it is done and does nothing; else
 * an error with that code.
 */
export type Fault =
  | { readonly fault: 'crash' }
  | { readonly fault: 'short'; readonly bytes: number }
  | { readonly fault: 'lie' }
  | { readonly fault: 'error'; readonly code: string };

export type FaultPlan = (access: Access) => Fault | undefined;

export const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: made to fail`), { code });

/** Small seeded random numbers, so that a failing run can be run again. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** True with probability `p`. */
  hit(p = 0.5): boolean {
    return this.next() < p;
  }
}
