/**
 * Whether this is the long run: `npm test -- --soak`. A test for that run alone is left undefined
 * otherwise (`if (IS_SOAK) it(...)`), not skipped: nothing may be skipped where all programs are.
 */
export const IS_SOAK = process.env.RETRACE_SOAK === '1';

/** How often to repeat something random: `few` times, or `many` in the long run. */
export function repetitions(few: number, many: number): number {
  return IS_SOAK ? many : few;
}
