import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './temp-dir.js';

/** A copy of a folder as it is now, removed at the end. */
export function copyDir(from: string): string {
  const to = join(tempDir(), 'copy');
  cpSync(from, to, { recursive: true });
  return to;
}
