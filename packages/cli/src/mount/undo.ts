import { RetraceError } from '@retrace/core';
import { lastWords } from '../system/programs.js';
import { detachKernelNbd } from './kernel-nbd.js';
import { detachLoops, loopsOver } from './loop.js';
import { type MountState, removeMountState } from './mount-state.js';
import { readMountTable } from './mount-table.js';
import { detachFuse, fuseFile } from './nbdfuse.js';
import type { Tools } from './tools.js';

/** The disk itself, as a file or device. */
const baseOf = ({ attachment }: MountState): string =>
  attachment.kind === 'nbd' ? attachment.device : fuseFile(attachment.fuseDir);

/** Unmounts what lies on our devices, wherever it is, the newest first. */
const unmountAll = async (tools: Tools, state: MountState): Promise<void> => {
  const base = baseOf(state);
  const devices = new Set([base, ...(await loopsOver(tools, base))]);
  const mounts = (await readMountTable()).filter(({ source }) => devices.has(source));
  for (const { dir } of mounts.reverse()) {
    const end = await tools.ask('umount', [dir], 'unmounts filesystems');
    if (end.exit === 0) continue;
    throw new RetraceError(
      'MOUNT_FAILED',
      `${dir} could not be unmounted: ${lastWords(end)}; end what uses it (fuser -vm ${dir}), ` +
        `then run "retrace umount ${state.dir}" again`,
    );
  }
};

/**
 * Undoes all that a mount made, in reverse, whichever of it there is, and forgets it. Resolves when
 * the helper processes are gone.
 * @throws RetraceError MOUNT_FAILED, TOOL_MISSING; the state stays, so that it can be tried again
 */
export const undoMount = async (tools: Tools, state: MountState, folder: string): Promise<void> => {
  await unmountAll(tools, state);
  await detachLoops(tools, baseOf(state));
  const { attachment } = state;
  if (attachment.kind === 'nbd') await detachKernelNbd(tools, attachment.device);
  else await detachFuse(tools, attachment.fuseDir, attachment.process);
  await removeMountState(folder);
};
