import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './cleanup.js';

/** Longest path of a unix socket that every kernel and program takes. */
export const SOCKET_PATH_LENGTH_MAX = 100;

/** A fresh folder that is removed at the end of the test (or of the file, outside of a test). */
export function tempDir(): string {
  const path = mkdtempSync(join(realpathSync(tmpdir()), 'rt-'));
  atEnd(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** A path for a unix socket, short enough for the kernel whatever TMPDIR is. */
export function socketPath(name = 's'): string {
  const path = join(tempDir(), `${name}.sock`);
  if (path.length < SOCKET_PATH_LENGTH_MAX) return path;
  throw new Error(`TMPDIR is too long for unix sockets: ${path}`);
}
