import type { TimeUs } from '../ids/brands.js';
import { clockRealtime } from '../system/posix.js';
import type { Clock } from './clock.js';

/** The system's CLOCK_REALTIME with microseconds (`Date.now()` has milliseconds only). */
export const systemClock: Clock = { nowUs: () => clockRealtime() as TimeUs };
