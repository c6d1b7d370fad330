import type { AgentLimits } from '../limits.js';
import type { Random } from '../system/random.js';

/** Delays between attempts: doubled each time, with jitter so that agents do not come in step. */
export class Backoff {
  readonly #limits: AgentLimits;
  readonly #random: Random;
  #attempts = 0;

  constructor(limits: AgentLimits, random: Random) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Milliseconds to wait now: half of the step up to all of it. */
  nextMs(): number {
    const { backoffMsMin, backoffMsMax } = this.#limits;
    const step = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return step / 2 + (step / 2) * this.#random.fraction();
  }

  /** A session has worked. */
  reset(): void {
    this.#attempts = 0;
  }
}
