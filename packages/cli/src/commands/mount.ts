import { realpath, stat } from 'node:fs/promises';
import { formatTarget, parseVolumeInstant, RetraceError } from '@retrace/core';
import type { Command } from 'commander';
import { exportUri, findNbdBase } from '../client/nbd-uri.js';
import type { Io } from '../io.js';
import { type Mounted, mountInstant } from '../mount/mount-instant.js';
import { readMountState } from '../mount/mount-state.js';
import { mountFolder, runtimeDir } from '../mount/runtime-dir.js';
import { Tools } from '../mount/tools.js';
import { formatInstantTime } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';
import { type ResolvedVolume, resolveVolume } from './resolved-volume.js';

interface MountCommandOptions extends ServerOptions {
  readonly partition?: string;
  readonly readOnly?: boolean;
  readonly nbd?: string;
}

/** @throws RetraceError USAGE */
export const requireRoot = (io: Pick<Io, 'uid'>, command: string): void => {
  if (io.uid === 0) return;
  throw new RetraceError(
    'USAGE',
    `${command} needs root, for mounting does: run it with sudo; without root use "retrace export"`,
  );
};

const parsePartition = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new RetraceError('USAGE', `--partition "${text}" is not the number of a partition`);
};

/** The mount point with all links resolved. @throws RetraceError USAGE */
const mountPoint = async (dir: string): Promise<string> => {
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory() === true) return realpath(dir);
  const what = found === undefined ? 'does not exist: mkdir it first' : 'is not a folder';
  throw new RetraceError('USAGE', `${dir} ${what}`);
};

const mountedText = (
  { volume, seq, timeUs }: ResolvedVolume,
  { device, fsType, partition }: Mounted,
  dir: string,
  nowMs: number,
): string => {
  const where = partition === 0 ? '' : `partition ${partition} of `;
  return [
    `${dir}: ${where}${volume}@seq:${seq} (${fsType} on ${device})`,
    `the instant is ${formatInstantTime(timeUs, nowMs)}`,
    `writes go to a throw-away overlay: they are gone after "retrace umount ${dir}"`,
  ].join('\n');
};

const run = async (
  target: string,
  dir: string,
  options: MountCommandOptions,
  io: Io,
): Promise<void> => {
  formatTarget(parseVolumeInstant(target).volume);
  const partition = parsePartition(options.partition);
  requireRoot(io, 'mount');
  const point = await mountPoint(dir);
  const folder = mountFolder(runtimeDir(io), point);
  if ((await readMountState(folder)) !== undefined) {
    throw new RetraceError(
      'MOUNT_FAILED',
      `something is mounted at ${point} already, or was half: run "retrace umount ${point}" first`,
    );
  }
  const { api, out } = await openSession(options, io);
  const resolved = await resolveVolume(api, target);
  const exportName = `scratch:${resolved.volume}@seq:${resolved.seq}`;
  const mounted = await mountInstant({
    tools: new Tools(io.findProgram),
    dir: point,
    target: `${resolved.volume}@seq:${resolved.seq}`,
    exportName,
    uri: exportUri(await findNbdBase(api, options.nbd), exportName),
    folder,
    partition,
    readOnly: options.readOnly === true,
  });
  const result = { ...resolved.answer, dir: point, ...mounted };
  await out.result(result, () => mountedText(resolved, mounted, point, io.nowMs()));
};

/** `retrace mount`: the filesystem of a volume as it was. */
export const mountCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'mount <volume@instant> <dir>',
      summary: 'Mount the filesystem of a volume as it was at an instant. Needs root.',
      examples: [
        ['retrace mount web-01/root@-5m /mnt/then', 'the only filesystem of the volume'],
        ['retrace mount web-01/disk@bookmark:ok /mnt/then --partition 2', 'one of several'],
        ['retrace umount /mnt/then', 'undo it'],
      ],
      notes:
        'Writes go to a throw-away overlay, so that the filesystem can replay its own journal;\n' +
        'nothing of it reaches the history. Uses nbd-client where the kernel has nbd, else\n' +
        'nbdfuse and a loop device.',
    })
      .option('--partition <n>', 'mount this partition')
      .option('--read-only', 'mount read-only (the journal is replayed all the same)')
      .option('--nbd <uri>', "the server's NBD address, if not the one it names itself"),
    io,
  ).action((target: string, dir: string, options: MountCommandOptions) =>
    run(target, dir, options, io),
  );
