import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Io } from '../io.js';

/** Where mounts are remembered until the next boot, which ends them too. */
export const runtimeDir = (io: Pick<Io, 'env' | 'uid'>): string => {
  const own = io.env.RETRACE_RUNTIME_DIR;
  if (own !== undefined && own !== '') return own;
  const user = io.env.XDG_RUNTIME_DIR;
  if (io.uid === 0 || user === undefined || user === '') return '/run/retrace';
  return join(user, 'retrace');
};

/** The folder of one mount: its state file, its FUSE mount point and its log. */
export const mountFolder = (runtime: string, dir: string): string => {
  const id = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  return join(runtime, 'mounts', id);
};
