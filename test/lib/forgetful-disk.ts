import { existsSync } from 'node:fs';
import { attachLoop } from './attach-loop.js';
import { attachNbd } from './attach-nbd.js';
import { atEnd } from './cleanup.js';
import { isMountPoint } from './mount-nbd.js';
import { type Program, spawnProgram } from './program.js';
import { makeDisk } from './protection.js';
import { run } from './run.js';
import { socketPath, tempDir } from './temp-dir.js';
import { waitFor } from './wait-for.js';

/** Programs that a forgetful disk needs. */
export const FORGETFUL_DISK_NEEDS = [
  'root',
  'fuse',
  'loop',
  'nbdkit',
  'nbdfuse',
  'mkfs.ext4',
] as const;

/** A mounted filesystem whose disk loses in a power cut whatever was not flushed. */
export interface ForgetfulDisk {
  readonly mountPoint: string;
  /** Power goes: what the disk's volatile cache holds is lost. Whoever uses it gets errors. */
  cut(): Promise<void>;
  /** Power is back: mounts what is left. Kill whoever used it before. */
  restore(): Promise<void>;
}

/** Makes one, with an empty ext4 on it. */
export async function makeForgetfulDisk(sizeBytes: number): Promise<ForgetfulDisk> {
  const image = makeDisk(sizeBytes);
  await run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  const mountPoint = tempDir();
  let power = await powerOn(image, mountPoint);
  return {
    mountPoint,
    cut: () => power.cut(),
    restore: async () => {
      await power.clear();
      power = await powerOn(image, mountPoint);
    },
  };
}

interface Power {
  cut(): Promise<void>;
  /** Takes the dead filesystem away. */
  clear(): Promise<void>;
}

async function powerOn(image: string, mountPoint: string): Promise<Power> {
  const socket = socketPath('disk');
  const cache: Program = spawnProgram({
    command: 'nbdkit',
    args: ['-f', '-U', socket, '--filter=cache', 'file', image, 'cache=writeback'],
  });
  await waitFor(() => existsSync(socket), { what: 'nbdkit', detail: () => cache.describe() });
  const nbd = await attachNbd(`nbd+unix:///?socket=${socket}`, { connections: 1 });
  const loop = await attachLoop(nbd.file);
  await run('mount', [loop.device, mountPoint]);
  const cut = async (): Promise<void> => {
    await cache.kill('SIGKILL');
    await nbd.sever();
  };
  let isCleared = false;
  const clear = async (): Promise<void> => {
    if (isCleared) return;
    isCleared = true;
    // Whoever was killed a moment ago may still be on its way out.
    const what = `${mountPoint} unmounted`;
    if (isMountPoint(mountPoint)) await waitFor(() => run('umount', [mountPoint]), { what });
    await loop.detach();
    await nbd.detach();
  };
  atEnd(async () => {
    await cut();
    await clear();
  });
  return { cut, clear };
}
