import { setTimeout as sleep } from 'node:timers/promises';

const STEP_MS = 20;

/**
 * Looks again and again until something is true.
 * @returns false when it was not within `timeoutMs`
 */
export const waitUntil = async (
  isTrue: () => Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> => {
  const end = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() >= end) return false;
    await sleep(STEP_MS);
  }
  return true;
};
