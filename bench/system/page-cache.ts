import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './program.js';

const TIMEOUT_MS = 60_000;

/**
 * Takes a file, or all files below a folder, out of the page cache: `dd ... nocache count=0` asks
 * for that (POSIX_FADV_DONTNEED) and needs no root. What is dirty stays: sync it first.
 */
export async function dropFromCache(path: string): Promise<void> {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path)) await dropFromCache(join(path, name));
    return;
  }
  if (!statSync(path).isFile()) return;
  const dd = (args: readonly string[]): Promise<string> =>
    runProgram({ name: 'dd', command: 'dd', args: [...args, 'status=none'] }, TIMEOUT_MS);
  await dd([`of=${path}`, 'conv=notrunc,fdatasync', 'count=0']);
  await dd([`if=${path}`, 'iflag=nocache', 'count=0']);
}
