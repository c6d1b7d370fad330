import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { RetraceError } from '@retrace/core';

/** Folders of programs for root, which are often missing in a user's PATH. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

/** Debian packages of the programs that are used. */
const PACKAGES: Readonly<Record<string, string>> = {
  'nbd-client': 'nbd-client',
  nbdfuse: 'libnbd-bin',
  'qemu-img': 'qemu-utils',
  losetup: 'mount',
  mount: 'mount',
  umount: 'mount',
  blkid: 'util-linux',
  partx: 'util-linux',
  modprobe: 'kmod',
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** Full path of a program by its name; undefined when it is not installed. */
export type ProgramFinder = (name: string) => string | undefined;

/** Finds programs in a search path, then in the folders of the system. */
export const programFinder =
  (searchPath: string | undefined): ProgramFinder =>
  (name) =>
    [...(searchPath ?? '').split(':'), ...SYSTEM_FOLDERS]
      .filter((folder) => folder.startsWith('/'))
      .map((folder) => join(folder, name))
      .find(isExecutable);

/** What to do about a program that is not there. */
export const installHint = (name: string): string => {
  const debian = PACKAGES[name];
  return debian === undefined ? `install ${name}` : `apt-get install ${debian}`;
};

/**
 * Full path of a program that is needed.
 * @param why - what it is needed for, after "which"
 * @throws RetraceError TOOL_MISSING
 */
export const requireProgram = (find: ProgramFinder, name: string, why: string): string => {
  const found = find(name);
  if (found !== undefined) return found;
  throw new RetraceError('TOOL_MISSING', `${name}, which ${why}, is missing: ${installHint(name)}`);
};

/** How a program ended. */
export interface ProgramEnd {
  /** Exit status; -1 when a signal ended it. */
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** It is killed after so long. Default 60 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Runs a program to its end. @throws RetraceError TOOL_MISSING when it cannot be started */
export const runProgram = (
  command: string,
  args: readonly string[],
  { timeoutMs = 60_000, signal }: RunOptions = {},
): Promise<ProgramEnd> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
      env: { ...process.env, LC_ALL: 'C' },
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (output[name].length < OUTPUT_BYTES_MAX) output[name] += text;
      });
    }
    child.once('error', (cause) => {
      reject(
        new RetraceError('TOOL_MISSING', `${command} cannot be run: ${cause.message}`, { cause }),
      );
    });
    child.once('close', (status) => resolve({ exit: status ?? -1, ...output }));
  });

/** The last line a failed program said, for an error message. */
export const lastWords = ({ stderr, stdout, exit }: ProgramEnd): string => {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.at(-1)?.trim() ?? `exit status ${exit}`;
};
