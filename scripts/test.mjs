/**
 * `npm test`: all that is needed to know whether a fresh clone is sound, with Node and npm alone.
 *
 *   npm test                     everything
 *   npm test -- packages/nbd     the suites whose path contains this; other options go to vitest
 *   npm test -- --no-skips       a skipped test is a failure (so it is with CI=true)
 *   npm test -- --soak           much longer, with many more random cases
 *
 * The last line is `N passed, N failed, N skipped`. The exit status is 0 only when all went well.
 */
import { readArguments } from './lib/arguments.mjs';
import { build } from './lib/build.mjs';
import { installDebianPackages } from './lib/debian.mjs';
import { install } from './lib/install.mjs';
import { requireNodeVersion } from './lib/node-version.mjs';
import { Phases } from './lib/phases.mjs';
import { run } from './lib/run.mjs';
import { noTests, runSuites } from './lib/suites.mjs';
import { countsLine, phaseTable, skipList } from './lib/summary.mjs';

const TYPE_CHECK = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.tests.json'];

requireNodeVersion();
const options = readArguments(process.argv.slice(2), process.env);
const phases = new Phases();
let counts = noTests();
/** @type {import('./lib/results.mjs').Skip[]} */
let skips = [];

const canRun =
  (await phases.run('install', install)) &&
  (await phases.run('debian packages', installDebianPackages)) &&
  (await phases.run('build', build));
if (canRun) {
  await phases.run('lint', () => run('npm', ['run', '--silent', 'lint']));
  await phases.run('types of tests', () => run(process.execPath, TYPE_CHECK));
  await phases.run('suites', async () => {
    const result = await runSuites(options);
    counts = result.counts;
    skips = result.skips;
    return result.run;
  });
}

const errors = [...phases.errors];
if (options.mayNotSkip && counts.skipped > 0) {
  errors.push(`${counts.skipped} tests were skipped, and none may be (CI or --no-skips)`);
}
// Whoever reads the counts alone must not take a run that never got to its tests for a good one.
if (errors.length > 0 && counts.failed === 0) counts.failed = errors.length;

console.log(`\n${phaseTable(phases.done)}`);
if (skips.length > 0) console.log(`\n${skipList(skips)}`);
for (const error of errors) console.log(`error: ${error}`);
console.log(`\n${countsLine(counts)}`);
process.exitCode = errors.length === 0 ? 0 : 1;
