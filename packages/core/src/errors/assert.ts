import { RetraceError } from './retrace-error.js';

/**
 * Says that something cannot be otherwise. A failure is a mistake in Retrace, never a condition of
 * the outside world.
 * @throws RetraceError INTERNAL
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RetraceError('INTERNAL', `assertion failed: ${message}`);
}
