import { join } from 'node:path';
import { RetraceError } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { attachKernelNbd, hasKernelNbd } from './kernel-nbd.js';
import { attachLoop } from './loop.js';
import {
  type Attachment,
  type MountState,
  removeMountState,
  saveMountState,
} from './mount-state.js';
import { attachFuse } from './nbdfuse.js';
import { chooseFilesystem, contentsOf } from './partitions.js';
import type { Tools } from './tools.js';
import { undoMount } from './undo.js';

export interface MountRequest {
  readonly tools: Tools;
  /** Absolute path of an existing folder. */
  readonly dir: string;
  /** What is mounted, for people: `web-01/root@seq:5`. */
  readonly target: string;
  readonly exportName: string;
  readonly uri: string;
  /** Folder for the state of this mount. */
  readonly folder: string;
  readonly partition: number | undefined;
  readonly readOnly: boolean;
}

/** What was mounted. */
export interface Mounted {
  readonly device: string;
  readonly fsType: string;
  readonly partition: number;
}

/** Options of a filesystem that lies on a copy of a disk which may be mounted here as well. */
export const mountOptions = (fsType: string, readOnly: boolean): string => {
  const options = [readOnly ? 'ro' : 'rw', 'nosuid', 'nodev'];
  // XFS refuses a second filesystem of the same UUID.
  if (fsType === 'xfs') options.push('nouuid');
  return options.join(',');
};

/**
 * Mounts an export. What was made is remembered before it is made; a failure undoes all of it.
 * @throws RetraceError MOUNT_FAILED, TOOL_MISSING, USAGE; NbdError when the server refuses
 */
export const mountInstant = async (request: MountRequest): Promise<Mounted> => {
  const { tools, folder } = request;
  // The helpers hide the server's reasons: ask it once before them.
  await NbdClient.info(request.uri);
  let state: MountState | undefined;
  const remember = async (attachment: Attachment | undefined): Promise<void> => {
    const { dir, target, exportName } = request;
    if (attachment === undefined) {
      state = undefined;
      await removeMountState(folder);
      return;
    }
    state = { version: 1, dir, target, exportName, attachment };
    await saveMountState(folder, state);
  };
  try {
    const base = await attach(request, remember);
    const chosen = chooseFilesystem(await contentsOf(tools, base), request.partition);
    const { type, partition } = chosen;
    const isDevice = base.startsWith('/dev/') && partition === 0;
    const device = isDevice ? base : await attachLoop(tools, base, chosen);
    const options = mountOptions(type, request.readOnly);
    await tools.run(
      'mount',
      ['-t', type, '-o', options, device, request.dir],
      'mounts filesystems',
    );
    return { device, fsType: type, partition };
  } catch (error) {
    if (state !== undefined) await undoAfter(error, request, state);
    throw error;
  }
};

/** Attaches the export: as a file, or as a block device. */
const attach = async (
  { tools, uri, folder }: MountRequest,
  remember: (attachment: Attachment | undefined) => Promise<void>,
): Promise<string> => {
  if (await hasKernelNbd(tools)) {
    return attachKernelNbd(tools, uri, (device) =>
      remember(device === undefined ? undefined : { kind: 'nbd', device }),
    );
  }
  const fuseDir = join(folder, 'fuse');
  await remember({ kind: 'nbdfuse', fuseDir, process: undefined });
  return attachFuse(tools, fuseDir, uri, (process) =>
    remember({ kind: 'nbdfuse', fuseDir, process }),
  );
};

const undoAfter = async (
  error: unknown,
  { tools, folder, dir }: MountRequest,
  state: MountState,
): Promise<void> => {
  try {
    await undoMount(tools, state, folder);
  } catch (cause) {
    const first = error instanceof Error ? error.message : String(error);
    const second = cause instanceof Error ? cause.message : String(cause);
    throw new RetraceError(
      'MOUNT_FAILED',
      `${first}; and what was made until then could not be undone (${second}): run ` +
        `"retrace umount ${dir}"`,
      { cause: error },
    );
  }
};
