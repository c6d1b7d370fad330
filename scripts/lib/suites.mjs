import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inRoot, ROOT } from './paths.mjs';
import { countTests, listSkips, readSkips } from './results.mjs';
import { run } from './run.mjs';

/**
 * What came of the suites.
 *
 * @typedef {object} SuitesResult
 * @property {import('./results.mjs').Counts} counts
 * @property {import('./results.mjs').Skip[]} skips
 * @property {import('./run.mjs').RunResult} run
 */

/**
 * Runs vitest and reads its report.
 *
 * @param {import('./arguments.mjs').TestOptions} options
 * @returns {Promise<SuitesResult>}
 */
export async function runSuites({ isSoak, mayNotSkip, vitestArguments }) {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-report-'));
  try {
    const reportFile = join(folder, 'report.json');
    const skipsFile = join(folder, 'skips.jsonl');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const result = await run(
      process.execPath,
      [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', ...reporters, ...vitestArguments],
      {
        RETRACE_SKIPS_FILE: skipsFile,
        ...(mayNotSkip ? { RETRACE_REQUIRE_DEBIAN: '1' } : {}),
        ...(isSoak ? { RETRACE_SOAK: '1' } : {}),
      },
    );
    return readReport(result, reportFile, skipsFile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import('./run.mjs').RunResult} result
 * @param {string} reportFile
 * @param {string} skipsFile
 * @returns {SuitesResult}
 */
function readReport(result, reportFile, skipsFile) {
  if (!existsSync(reportFile)) {
    const reason = result.ok ? 'vitest wrote no report' : result.reason;
    return { counts: noTests(), skips: [], run: { ok: false, reason } };
  }
  /** @type {import('./results.mjs').Report} */
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  const registered = existsSync(skipsFile) ? readSkips(readFileSync(skipsFile, 'utf8'), ROOT) : [];
  const counts = countTests(report);
  const skips = listSkips(report, registered, ROOT);
  if (counts.failed === 0) return { counts, skips, run: result };
  return { counts, skips, run: { ok: false, reason: `${counts.failed} test(s)` } };
}

/** @returns {import('./results.mjs').Counts} */
export function noTests() {
  return { passed: 0, failed: 0, skipped: 0 };
}
