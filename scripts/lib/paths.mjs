import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the clone, without a slash at the end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * A path inside the clone.
 *
 * @param {...string} parts
 * @returns {string}
 */
export function inRoot(...parts) {
  return join(ROOT, ...parts);
}
