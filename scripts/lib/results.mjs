import { relative } from 'node:path';

/**
 * The part of vitest's JSON report that is read here.
 *
 * @typedef {{ title: string, ancestorTitles: string[], status: string }} ReportedTest
 * @typedef {{ name: string, status: string, assertionResults: ReportedTest[] }} ReportedFile
 * @typedef {{ testResults: ReportedFile[] }} Report
 */

/**
 * Individual tests, counted.
 *
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 */

/**
 * A suite that did not run, and what it lacked (empty when it was skipped for another reason).
 *
 * @typedef {{ file: string, suite: string, missing: readonly string[] }} Skip
 */

/**
 * Counts the tests of a report. A file that could not even be loaded counts as one failed test: its
 * tests are not in the report, and "0 failed" would be a lie.
 *
 * @param {Report} report
 * @returns {Counts}
 */
export function countTests(report) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const { status } of file.assertionResults) {
      if (status === 'passed') counts.passed += 1;
      else if (status === 'failed') failedHere += 1;
      else counts.skipped += 1;
    }
    if (file.status === 'failed' && failedHere === 0) failedHere = 1;
    counts.failed += failedHere;
  }
  return counts;
}

/**
 * The suites that were skipped, whole or in part: those the harness registered with what they lack,
 * and those that the report alone knows of.
 *
 * @param {Report} report
 * @param {readonly Skip[]} registered
 * @param {string} root the folder that file names are relative to
 * @returns {Skip[]}
 */
export function listSkips(report, registered, root) {
  /** @type {Map<string, Skip>} */
  const skips = new Map();
  for (const file of report.testResults) {
    const path = relative(root, file.name);
    for (const test of file.assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') continue;
      const suite = test.ancestorTitles.filter((title) => title !== '')[0] ?? test.title;
      skips.set(`${path} ${suite}`, {
        file: path,
        suite,
        missing: missingOf(registered, path, suite),
      });
    }
  }
  return [...skips.values()];
}

/**
 * What the suite lacks; where the harness was not told the suite's name, what its file lacks.
 *
 * @param {readonly Skip[]} registered
 * @param {string} file
 * @param {string} suite
 * @returns {readonly string[]}
 */
function missingOf(registered, file, suite) {
  const inFile = registered.filter((skip) => skip.file === file);
  const exact = inFile.filter((skip) => skip.suite === suite);
  const chosen = exact.length > 0 ? exact : inFile.filter((skip) => skip.suite === '');
  return [...new Set(chosen.flatMap((skip) => skip.missing))];
}

/**
 * Reads what the harness appended to the file named by RETRACE_SKIPS_FILE: one JSON object a line.
 *
 * @param {string} text
 * @param {string} root
 * @returns {Skip[]}
 */
export function readSkips(text, root) {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { file, suite, missing } = JSON.parse(line);
      return { file: relative(root, file), suite, missing };
    });
}
