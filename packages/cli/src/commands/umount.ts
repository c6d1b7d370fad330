import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RetraceError } from '@retrace/core';
import type { Command } from 'commander';
import type { Io } from '../io.js';
import { listMountStates, readMountState } from '../mount/mount-state.js';
import { mountFolder, runtimeDir } from '../mount/runtime-dir.js';
import { Tools } from '../mount/tools.js';
import { undoMount } from '../mount/undo.js';
import { Output } from '../output/output.js';
import { type CommonOptions, newCommand } from './command.js';
import { requireRoot } from './mount.js';

/** What is mounted now, to name it in an error. */
const known = async (runtime: string): Promise<string> => {
  const states = await listMountStates(runtime);
  if (states.length === 0) return 'retrace has nothing mounted';
  return `mounted are ${states.map(({ dir, target }) => `${dir} (${target})`).join(', ')}`;
};

const run = async (dir: string, options: CommonOptions, io: Io): Promise<void> => {
  requireRoot(io, 'umount');
  // A mount point that hangs, or is gone, must not keep its mount from being undone.
  const point = await realpath(dir).catch(() => resolve(dir));
  const runtime = runtimeDir(io);
  const folder = mountFolder(runtime, point);
  const state = await readMountState(folder);
  if (state === undefined) {
    throw new RetraceError(
      'NOT_MOUNTED',
      `retrace has mounted nothing at ${point}: ${await known(runtime)}`,
    );
  }
  await undoMount(new Tools(io.findProgram), state, folder);
  const out = new Output(io, options.json === true);
  await out.result({ dir: point, target: state.target }, () => `${point}: unmounted`);
};

/** `retrace umount`: undoes `retrace mount`. */
export const umountCommand = (io: Io): Command =>
  newCommand({
    usage: 'umount <dir>',
    summary: 'Undo "retrace mount": unmount, detach, and throw the writes away. Needs root.',
    examples: [['retrace umount /mnt/then', 'also after a mount that failed or was killed']],
    notes: 'Returns when all helper processes are gone.',
  }).action((dir: string, options: CommonOptions) => run(dir, options, io));
