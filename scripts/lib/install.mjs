import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { run } from './run.mjs';

const STAMP = inRoot('node_modules', '.retrace-install');

/**
 * The part of a lock file that says what is installed.
 *
 * @typedef {{ packages?: Record<string, { version?: string, optional?: boolean, dev?: boolean,
 *   peer?: boolean, link?: boolean, resolved?: string }> }} LockFile
 */

/**
 * Whether the tree npm describes in `node_modules/.package-lock.json` is the one the lock file asks
 * for. Optional packages may be absent: they are built for other platforms.
 *
 * @param {LockFile} wanted `package-lock.json`
 * @param {LockFile} installed `node_modules/.package-lock.json`
 * @returns {boolean}
 */
export function isSameTree(wanted, installed) {
  const wantedPackages = wanted.packages ?? {};
  const installedPackages = installed.packages ?? {};
  for (const [path, { version, optional }] of Object.entries(wantedPackages)) {
    if (!path.startsWith('node_modules/')) continue;
    const present = installedPackages[path];
    if (present === undefined ? optional !== true : present.version !== version) return false;
  }
  return Object.keys(installedPackages).every((path) => path in wantedPackages);
}

/** @returns {string} */
function lockHash() {
  return createHash('sha256')
    .update(readFileSync(inRoot('package-lock.json')))
    .digest('hex');
}

/** @returns {boolean} */
function isInstalled() {
  if (!existsSync(inRoot('node_modules'))) return false;
  const hash = lockHash();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return true;
  // Someone ran `npm install` by hand: what it left may well be right.
  const hidden = inRoot('node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  try {
    const wanted = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8'));
    if (!isSameTree(wanted, JSON.parse(readFileSync(hidden, 'utf8')))) return false;
  } catch {
    return false;
  }
  writeFileSync(STAMP, hash);
  return true;
}

/**
 * Makes node_modules what the lock file says. Does nothing, in a few milliseconds, where it is so
 * already.
 *
 * @returns {Promise<import('./run.mjs').StepResult>}
 */
export async function install() {
  if (isInstalled()) return { ok: true, isSkipped: true };
  // NODE_ENV=production in the environment would leave the compiler and the test runner out.
  const result = await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
  if (result.ok) writeFileSync(STAMP, lockHash());
  return result;
}
