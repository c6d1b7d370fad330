import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RetraceError } from '@retrace/core';
import type { ProcessId } from './mount-state.js';
import { mountAt } from './mount-table.js';
import { identify, isRunning, waitForEnd } from './processes.js';
import type { Tools } from './tools.js';
import { waitUntil } from './wait-until.js';

const DISK = 'disk';
const START_TIMEOUT_MS = 30_000;

/** The file that shows the export. */
export const fuseFile = (fuseDir: string): string => join(fuseDir, DISK);

const logFile = (fuseDir: string): string => join(dirname(fuseDir), 'nbdfuse.log');

const launch = async (tools: Tools, fuseDir: string, uri: string): Promise<ProcessId> => {
  const program = tools.find('nbdfuse', 'shows an NBD export as a file');
  const log = await open(logFile(fuseDir), 'w', 0o600);
  try {
    // One connection: a throw-away overlay belongs to one.
    const child = spawn(program, ['-C', '1', fuseFile(fuseDir), uri], {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    });
    child.on('error', () => {});
    child.unref();
    const process = child.pid === undefined ? undefined : await identify(child.pid);
    if (process !== undefined) return process;
    throw new RetraceError('MOUNT_FAILED', `nbdfuse could not be started: ${await words(fuseDir)}`);
  } finally {
    await log.close();
  }
};

const words = async (fuseDir: string): Promise<string> => {
  const text = await readFile(logFile(fuseDir), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-3).join('; ') || 'it said nothing';
};

/**
 * Shows an export as the file `fuseDir/disk`.
 * @param onStarted - told of the process before anything else is waited for
 * @throws RetraceError TOOL_MISSING, MOUNT_FAILED
 */
export const attachFuse = async (
  tools: Tools,
  fuseDir: string,
  uri: string,
  onStarted: (process: ProcessId) => Promise<void>,
): Promise<string> => {
  if (!existsSync('/dev/fuse')) {
    throw new RetraceError('TOOL_MISSING', 'this kernel offers neither nbd nor FUSE (/dev/fuse)');
  }
  await mkdir(fuseDir, { recursive: true, mode: 0o700 });
  const process = await launch(tools, fuseDir, uri);
  await onStarted(process);
  let hasEnded = false;
  const file = fuseFile(fuseDir);
  const isThere = async (): Promise<boolean> => {
    hasEnded = !(await isRunning(process));
    return hasEnded || existsSync(file);
  };
  const isInTime = await waitUntil(isThere, START_TIMEOUT_MS);
  if (isInTime && !hasEnded) return file;
  const why = isInTime ? 'nbdfuse ended' : `nothing after ${START_TIMEOUT_MS / 1000} s`;
  throw new RetraceError(
    'MOUNT_FAILED',
    `the export could not be attached: ${why}: ${await words(fuseDir)}`,
  );
};

/** Undoes `attachFuse`, and waits until the process is gone. @throws RetraceError MOUNT_FAILED */
export const detachFuse = async (
  tools: Tools,
  fuseDir: string,
  process: ProcessId | undefined,
): Promise<void> => {
  if ((await mountAt(fuseDir)) !== undefined) {
    await tools.run('umount', [fuseDir], 'detaches the export');
  }
  if (process === undefined || (await waitForEnd(process))) return;
  throw new RetraceError('MOUNT_FAILED', `nbdfuse (pid ${process.pid}) does not end: kill it`);
};
