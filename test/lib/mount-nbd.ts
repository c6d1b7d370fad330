import { readFileSync } from 'node:fs';
import { attachLoop } from './attach-loop.js';
import { type AttachOptions, attachNbd } from './attach-nbd.js';
import { atEnd } from './cleanup.js';
import { run } from './run.js';
import { tempDir } from './temp-dir.js';
import { waitFor } from './wait-for.js';

/** How to mount. */
export interface MountOptions extends AttachOptions {
  /** Filesystem type. Default: what the kernel finds. */
  readonly type?: string;
  /** Options for `mount -o`. */
  readonly options?: readonly string[];
  /** How long unmounting may take before the disk is taken away from under it. Default: 10 s. */
  readonly unmountTimeoutMs?: number;
}

/** A mounted NBD export. */
export interface MountedNbd {
  readonly mountPoint: string;
  readonly device: string;
  /** The export as a plain file, below the device. */
  readonly file: string;
  /** Unmounts and detaches, in order; doing it twice is no error. */
  unmount(): Promise<void>;
}

const UNMOUNT_TIMEOUT_MS_DEFAULT = 10_000;

/**
 * Mounts the filesystem on an NBD export: nbdfuse, loop device, mount. All of it is undone at the
 * end of the test, also when the server is gone or stopped by then.
 */
export async function mountNbd(uri: string, options: MountOptions = {}): Promise<MountedNbd> {
  const { readOnly = false, type, options: mountOptions = [] } = options;
  const { unmountTimeoutMs = UNMOUNT_TIMEOUT_MS_DEFAULT } = options;
  const nbd = await attachNbd(uri, options);
  const loop = await attachLoop(nbd.file, { readOnly });
  const mountPoint = tempDir();
  const chosen = [...(readOnly ? ['ro'] : []), ...mountOptions];
  const flags = [
    ...(type === undefined ? [] : ['-t', type]),
    ...(chosen.length === 0 ? [] : ['-o', chosen.join(',')]),
  ];
  const unmountOnly = (): Promise<void> => unmountPath(mountPoint, unmountTimeoutMs, nbd.sever);
  atEnd(unmountOnly);
  await run('mount', [...flags, loop.device, mountPoint]);
  const unmount = async (): Promise<void> => {
    await unmountOnly();
    await loop.detach();
    await nbd.detach();
  };
  return { mountPoint, device: loop.device, file: nbd.file, unmount };
}

/** Whether something is mounted at this path. */
export function isMountPoint(path: string): boolean {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.some((line) => line.split(' ')[1] === path);
}

async function unmountPath(
  path: string,
  timeoutMs: number,
  sever: () => Promise<void>,
): Promise<void> {
  if (!isMountPoint(path)) return;
  const what = `${path} unmounted`;
  try {
    // Busy for a moment is normal: a program that has just ended may hold a file.
    await waitFor(() => run('umount', [path], { timeoutMs }), { what, timeoutMs });
  } catch (error) {
    // A disk that never answers keeps umount in the kernel: without nbdfuse it fails at once.
    await sever();
    if (isMountPoint(path)) await run('umount', ['--lazy', path], { accept: 'any' });
    throw new Error(`${path} could not be unmounted in order`, { cause: error });
  }
}
