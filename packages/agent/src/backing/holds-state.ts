import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deviceNumber } from './file-disk.js';

const DEPTH_MAX = 16;

/**
 * True when the filesystem that holds `stateDir` lies on the protected device or file: directly, on
 * a partition of it, or through device mapper, MD or a loop device. What the kernel does not show
 * is taken for separate.
 */
export const liesOn = (stateDir: string, volumePath: string): boolean => {
  const volume = statSync(volumePath, { throwIfNoEntry: false });
  if (volume === undefined) return false;
  const { dev } = statSync(stateDir);
  if (volume.isBlockDevice()) return reaches(deviceNumber(dev), deviceNumber(volume.rdev), 0);
  return loopFiles(deviceNumber(dev), 0).some((file) => sameFile(file, volumePath));
};

const sysfs = (device: string): string | undefined => {
  try {
    return realpathSync(`/sys/dev/block/${device}`);
  } catch {
    return undefined;
  }
};

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** The devices a device lies on: its whole disk, its slaves. */
const below = (device: string): string[] => {
  const folder = sysfs(device);
  if (folder === undefined) return [];
  const found: string[] = [];
  if (textOf(join(folder, 'partition')) !== undefined) {
    found.push(textOf(join(dirname(folder), 'dev')) ?? '');
  }
  try {
    for (const slave of readdirSync(join(folder, 'slaves'))) {
      found.push(textOf(join(folder, 'slaves', slave, 'dev')) ?? '');
    }
  } catch {
    // A partition has no slaves folder.
  }
  return found.filter((other) => other !== '');
};

const reaches = (from: string, to: string, depth: number): boolean => {
  if (from === to) return true;
  return depth < DEPTH_MAX && below(from).some((next) => reaches(next, to, depth + 1));
};

const loopFiles = (device: string, depth: number): string[] => {
  const folder = sysfs(device);
  const own = folder === undefined ? undefined : textOf(join(folder, 'loop', 'backing_file'));
  const deeper =
    depth < DEPTH_MAX ? below(device).flatMap((next) => loopFiles(next, depth + 1)) : [];
  return own === undefined ? deeper : [own, ...deeper];
};

const sameFile = (a: string, b: string): boolean => {
  try {
    const [first, second] = [statSync(a), statSync(b)];
    return first.dev === second.dev && first.ino === second.ino;
  } catch {
    return false;
  }
};
