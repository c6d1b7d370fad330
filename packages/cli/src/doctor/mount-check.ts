import { listMountStates } from '../mount/mount-state.js';
import { readMountTable } from '../mount/mount-table.js';
import { type Finding, ok, warn } from './finding.js';

/** Mounts that are remembered and are not there any more, or only half. */
export const checkMounts = async (runtime: string): Promise<Finding> => {
  const states = await listMountStates(runtime);
  const mounted = new Set((await readMountTable()).map(({ dir }) => dir));
  const half = states.filter(({ dir }) => !mounted.has(dir)).map(({ dir }) => dir);
  if (half.length === 0) return ok('mounts', `${states.length} mounted by retrace`);
  return warn(
    'mounts',
    `left behind by a mount that was interrupted: ${half.join(', ')}`,
    half.map((dir) => `retrace umount ${dir}`).join('; '),
  );
};
