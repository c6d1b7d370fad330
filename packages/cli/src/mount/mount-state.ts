import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RetraceError, systemErrorCode } from '@retrace/core';
import { mapField, mapOf, numberField, textField } from '../client/fields.js';

/** A process by its number and its start, for numbers are used again. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot, as /proc/PID/stat has it. */
  readonly startTicks: number;
}

/** How the export becomes a block device. */
export type Attachment =
  /** nbdfuse shows it as a file, a loop device makes it a block device. */
  | { readonly kind: 'nbdfuse'; readonly fuseDir: string; readonly process: ProcessId | undefined }
  /** The kernel's NBD client. */
  | { readonly kind: 'nbd'; readonly device: string };

/**
 * What one mount has made, or was about to make: written before each step, so that `umount` can
 * undo all of it even after a crash in between.
 */
export interface MountState {
  readonly version: 1;
  /** Absolute path of the mount point. */
  readonly dir: string;
  readonly target: string;
  readonly exportName: string;
  readonly attachment: Attachment;
}

const FILE = 'mount.json';

/** Makes the state durable enough for a crash of this process: written, then renamed. */
export const saveMountState = async (folder: string, state: MountState): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, FILE);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(state)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
};

/** Forgets a mount that was undone. */
export const removeMountState = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true });

/**
 * Reads what a mount has made.
 * @returns undefined when there is no such mount
 * @throws RetraceError STATE_INVALID
 */
export const readMountState = async (folder: string): Promise<MountState | undefined> => {
  const path = join(folder, FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    const why = systemErrorCode(cause) ?? String(cause);
    throw new RetraceError('STATE_INVALID', `${path} cannot be read: ${why}`, { cause });
  }
  const state = parseState(text);
  if (state !== undefined) return state;
  throw new RetraceError('STATE_INVALID', `${path} is damaged: undo the mount by hand, remove it`);
};

/** All mounts that are remembered. */
export const listMountStates = async (runtime: string): Promise<readonly MountState[]> => {
  const folder = join(runtime, 'mounts');
  const names = await readdir(folder).catch(() => []);
  const states = await Promise.all(
    names.map((name) => readMountState(join(folder, name)).catch(() => undefined)),
  );
  return states.filter((state) => state !== undefined);
};

const parseState = (text: string): MountState | undefined => {
  let map: ReturnType<typeof mapOf>;
  try {
    map = mapOf(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
  const dir = textField(map, 'dir');
  const target = textField(map, 'target');
  const exportName = textField(map, 'exportName');
  const attachment = parseAttachment(mapField(map, 'attachment'));
  if (map?.version !== 1 || dir === undefined || target === undefined) return undefined;
  if (exportName === undefined || attachment === undefined) return undefined;
  return { version: 1, dir, target, exportName, attachment };
};

const parseAttachment = (map: ReturnType<typeof mapOf>): Attachment | undefined => {
  const fuseDir = textField(map, 'fuseDir');
  const device = textField(map, 'device');
  if (map?.kind === 'nbd' && device !== undefined) return { kind: 'nbd', device };
  if (map?.kind !== 'nbdfuse' || fuseDir === undefined) return undefined;
  const process = mapField(map, 'process');
  const pid = numberField(process, 'pid');
  const startTicks = numberField(process, 'startTicks');
  const isWhole = pid !== undefined && startTicks !== undefined;
  return { kind: 'nbdfuse', fuseDir, process: isWhole ? { pid, startTicks } : undefined };
};
