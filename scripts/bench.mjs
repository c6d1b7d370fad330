/**
 * `npm run bench`: measures Retrace beside its peers. `npm run bench -- --help` lists the options.
 * Installs and builds first where that is needed.
 */
import { pathToFileURL } from 'node:url';
import { build } from './lib/build.mjs';
import { missingPackages } from './lib/debian.mjs';
import { install } from './lib/install.mjs';
import { requireNodeVersion } from './lib/node-version.mjs';
import { inRoot } from './lib/paths.mjs';
import { run } from './lib/run.mjs';

const COMPILE = [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-b', inRoot('bench')];
const PEERS = ['fio', 'nbdkit', 'qemu-system-common'];

/**
 * @param {string} step
 * @param {import('./lib/run.mjs').StepResult} result
 */
function endOnFailure(step, result) {
  if (result.ok) return;
  console.error(`error: ${step} failed: ${result.reason}`);
  process.exit(1);
}

requireNodeVersion();
const missing = missingPackages().filter((name) => PEERS.includes(name));
if (missing.length > 0) {
  console.error(`error: peers are missing: sudo apt-get install ${missing.join(' ')}`);
  process.exit(1);
}
endOnFailure('install', await install());
endOnFailure('build', await build({ ifChanged: true }));
endOnFailure('build of the benchmarks', await run(process.execPath, COMPILE));
await import(pathToFileURL(inRoot('bench', 'dist', 'main.js')).href);
