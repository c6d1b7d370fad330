import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemErrorCode } from '@retrace/core';
import { defaultTokenFile, isModeTooWide, readTokenFile } from '../client/token.js';
import type { Io } from '../io.js';
import { formatBytes } from '../output/units.js';
import { type Finding, fail, ok, warn } from './finding.js';

const FREE_BYTES_FAIL = 256 * 1024 * 1024;
const FREE_BYTES_WARN = 2 * 1024 * 1024 * 1024;
const FREE_SHARE_WARN = 0.05;

/** How much room there is, judged. */
export const judgeSpace = (
  check: string,
  path: string,
  freeBytes: number,
  totalBytes: number,
): Finding => {
  const text = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free at ${path}`;
  const advice = 'make room, or move the folder to a larger disk: a full one stops the history';
  if (freeBytes < FREE_BYTES_FAIL) return fail(check, text, advice);
  if (freeBytes < FREE_BYTES_WARN || freeBytes < totalBytes * FREE_SHARE_WARN) {
    return warn(check, text, advice);
  }
  return ok(check, text);
};

/** The folder itself, or the nearest one above it that exists. */
const existingFolder = async (path: string): Promise<string> => {
  let folder = resolve(path);
  while ((await stat(folder).catch(() => undefined)) === undefined) folder = dirname(folder);
  return folder;
};

const checkSpace = async (check: string, path: string): Promise<Finding> => {
  const folder = await existingFolder(path);
  const { bavail, blocks, bsize } = await statfs(folder);
  return judgeSpace(check, folder, bavail * bsize, blocks * bsize);
};

const checkAccess = async (check: string, path: string): Promise<Finding> => {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    return ok(check, `${path} does not exist yet: it is made at the first start`);
  }
  if (!found.isDirectory()) return fail(check, `${path} is no folder`, 'give another path');
  if ((found.mode & 0o022) !== 0) {
    return fail(check, `${path} can be changed by others than its owner`, `chmod go-w ${path}`);
  }
  const needed = constants.R_OK | constants.W_OK | constants.X_OK;
  const code = await access(path, needed).then(
    () => undefined,
    (error: unknown) => systemErrorCode(error) ?? String(error),
  );
  if (code === undefined) return ok(check, `${path} can be read and written`);
  return fail(check, `${path} cannot be used (${code})`, 'run as its owner, or chown it');
};

/** A folder of the server or of the agent: room, access. */
export const checkFolder = async (check: string, path: string): Promise<readonly Finding[]> => [
  await checkAccess(check, path),
  await checkSpace(check, path),
];

/** The token file: nobody else may read it. */
export const checkTokenFile = async (
  io: Pick<Io, 'env' | 'home'>,
  given: string | undefined,
): Promise<Finding> => {
  const path = given ?? defaultTokenFile(io);
  try {
    const token = await readTokenFile(path);
    if (token !== undefined) return ok('token', `${path} is for its owner only`);
    if (given !== undefined) return fail('token', `there is no ${path}`, 'retrace token create');
    return ok('token', `no token file at ${path}`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const found = await stat(path).catch(() => undefined);
    const isWide = found !== undefined && isModeTooWide(found.mode);
    return fail('token', message, isWide ? `chmod 600 ${path}` : 'put one token into it');
  }
};
