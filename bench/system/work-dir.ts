import { mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanups } from './cleanups.js';

/** Filesystems in memory (linux/magic.h): tmpfs and ramfs. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6]);

/** Bytes kept free beyond what the measurements need. */
const RESERVE_BYTES = 2 * 2 ** 30;

/**
 * A fresh folder on a real disk, removed at the end. `parent` wins over the system's temporary
 * folder, and that over /var/tmp when it lies in memory.
 * @throws Error when only memory is to be had, or too little space
 */
export function makeWorkDir(
  parent: string | undefined,
  neededBytes: number,
  cleanups: Cleanups,
): string {
  const candidates = parent === undefined ? [tmpdir(), '/var/tmp'] : [parent];
  const chosen = candidates.find((path) => !IN_MEMORY.has(statfsSync(path).type));
  if (chosen === undefined) {
    throw new Error(`${candidates.join(', ')}: in memory, not on a disk; name one with --dir`);
  }
  checkSpace(chosen, neededBytes + RESERVE_BYTES);
  const dir = mkdtempSync(join(realpathSync(chosen), 'retrace-bench-'));
  cleanups.add(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** @throws Error when the disk of `dir` has less than `neededBytes` free */
export function checkSpace(dir: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(dir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new Error(
    `${dir} has ${gib(freeBytes)} free, these measurements need ${gib(neededBytes)}: ` +
      'free some, name another disk with --dir, or use --quick or fewer --rows',
  );
}
