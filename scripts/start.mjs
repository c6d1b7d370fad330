/**
 * `npm start`: from a fresh clone to a running demo, with Node and npm alone. A second start finds
 * everything in place and is there at once.
 */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { build } from './lib/build.mjs';
import { install } from './lib/install.mjs';
import { requireNodeVersion } from './lib/node-version.mjs';
import { inRoot } from './lib/paths.mjs';

const DEMO = inRoot('packages', 'cli', 'dist', 'demo', 'main.js');

/**
 * @param {string} step
 * @param {import('./lib/run.mjs').RunResult} result
 */
function endOnFailure(step, result) {
  if (result.ok) return;
  console.error(`error: ${step} failed: ${result.reason}`);
  process.exit(1);
}

requireNodeVersion();
endOnFailure('install', await install());
endOnFailure('build', await build({ ifChanged: true }));
if (!existsSync(DEMO)) {
  console.error(
    `error: the build left no demo at ${DEMO}: see that packages/cli/src/demo/main.ts exists`,
  );
  process.exit(1);
}
await import(pathToFileURL(DEMO).href);
