import type { TimeUs } from '../ids/brands.js';

/** A source of wall-clock time. Passed in everywhere, so that tests bring their own. */
export interface Clock {
  /** Microseconds since the Unix epoch. May step in both directions, as the system's clock does. */
  nowUs(): TimeUs;
}
