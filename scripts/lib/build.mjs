import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot } from './paths.mjs';
import { run } from './run.mjs';

const STAMP = inRoot('node_modules', '.retrace-build');
const ROOT_INPUTS = ['package.json', 'package-lock.json', 'tsconfig.base.json', 'tsconfig.json'];
const NOT_INPUTS = new Set(['dist', 'node_modules']);

/**
 * Path, size and modification time of each file below a folder, in a fixed order.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function describeFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !NOT_INPUTS.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? describeFiles(path) : [describeFile(path)];
    });
}

/**
 * @param {string} path
 * @returns {string}
 */
function describeFile(path) {
  const { size, mtimeMs } = statSync(path);
  return `${path} ${size} ${mtimeMs}`;
}

/** @returns {string} */
function inputsHash() {
  const hash = createHash('sha256');
  for (const name of ROOT_INPUTS) hash.update(`${describeFile(inRoot(name))}\n`);
  for (const line of describeFiles(inRoot('packages'))) hash.update(`${line}\n`);
  return hash.digest('hex');
}

/** @returns {boolean} */
function hasOutputs() {
  return readdirSync(inRoot('packages')).every(
    (name) =>
      !existsSync(inRoot('packages', name, 'tsconfig.json')) ||
      existsSync(inRoot('packages', name, 'dist')),
  );
}

/**
 * Builds every package. With `ifChanged`, only when a source has changed since the last build.
 *
 * @param {{ ifChanged?: boolean }} [options]
 * @returns {Promise<import('./run.mjs').StepResult>}
 */
export async function build({ ifChanged = false } = {}) {
  const hash = inputsHash();
  const isBuilt = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash && hasOutputs();
  if (ifChanged && isBuilt) return { ok: true, isSkipped: true };
  const result = await run('npm', ['run', '--silent', 'build']);
  if (result.ok) writeFileSync(STAMP, hash);
  return result;
}
