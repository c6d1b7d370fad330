import type { TimeUs } from '../ids/brands.js';
import type { Clock } from './clock.js';

/** The wall clock was behind the last time given out. */
export interface ClockStep {
  /** The last time given out; time stands still here until the wall clock has caught up. */
  readonly heldAtUs: TimeUs;
  /** What the wall clock read when the step was noticed. */
  readonly wallUs: TimeUs;
}

/**
 * A clock that never decreases: max(last, now). While the wall clock is behind, time stands still
 * and `stepped` tells by how much. Small steps (below `toleranceUs`) are smoothed over silently.
 */
export class MonotoneClock implements Clock {
  readonly #wall: Clock;
  readonly #toleranceUs: number;
  #last: TimeUs;
  #step: ClockStep | undefined;

  /**
   * @param startUs - no time before this is given out: the last time of an earlier run
   * @param toleranceUs - steps back up to this many microseconds are not reported
   */
  constructor(wall: Clock, startUs: TimeUs, toleranceUs = 1000) {
    this.#wall = wall;
    this.#last = startUs;
    this.#toleranceUs = toleranceUs;
  }

  nowUs(): TimeUs {
    const wall = this.#wall.nowUs();
    if (wall >= this.#last) {
      this.#last = wall;
      this.#step = undefined;
    } else if (this.#step === undefined && this.#last - wall > this.#toleranceUs) {
      this.#step = { heldAtUs: this.#last, wallUs: wall };
    }
    return this.#last;
  }

  /** The step back that time is standing still for, as of the last call of `nowUs`. */
  get stepped(): ClockStep | undefined {
    return this.#step;
  }
}
