import { remedyOf } from './debian.mjs';

/**
 * One step of a run and how it went.
 *
 * @typedef {object} Phase
 * @property {string} name
 * @property {number} seconds
 * @property {'ok' | 'failed' | 'skipped'} outcome
 * @property {string} [note]
 */

/**
 * The line that programs read. It stands alone at the very end.
 *
 * @param {import('./results.mjs').Counts} counts
 * @returns {string}
 */
export function countsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * @param {readonly Phase[]} phases
 * @returns {string}
 */
export function phaseTable(phases) {
  const rows = phases.map(({ name, seconds, outcome, note }) => {
    const text = note === undefined ? outcome : `${outcome} (${note})`;
    return `  ${name.padEnd(18)}${seconds.toFixed(1).padStart(7)} s  ${text}`;
  });
  return ['Phases:', ...rows].join('\n');
}

/**
 * A list of what did not run that nobody can overlook; empty where everything ran.
 *
 * @param {readonly import('./results.mjs').Skip[]} skips
 * @returns {string}
 */
export function skipList(skips) {
  if (skips.length === 0) return '';
  const bar = '!'.repeat(80);
  const lines = skips.flatMap(({ file, suite, missing }) => [
    `  ${suite}  [${file}]`,
    ...(missing.length === 0 ? ['      skipped by the test itself'] : missing.map(explainMissing)),
  ]);
  return [bar, `NOT TESTED: ${skips.length} suite(s) were skipped`, ...lines, bar].join('\n');
}

/**
 * @param {string} requirement
 * @returns {string}
 */
function explainMissing(requirement) {
  return `      needs ${requirement}: ${remedyOf(requirement)}`;
}
