import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { RetraceError } from '@retrace/core';
import type { Tools } from './tools.js';
import { waitUntil } from './wait-until.js';

const WHY = 'makes a block device of a file';
const DETACH_TIMEOUT_MS = 30_000;

/** A part of a file or device; a size of 0 means all that follows. */
export interface LoopRange {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/**
 * Makes a writable loop device over a part of a file or device.
 * @throws RetraceError MOUNT_FAILED, TOOL_MISSING
 */
export const attachLoop = async (
  tools: Tools,
  file: string,
  { offsetBytes, sizeBytes }: LoopRange,
): Promise<string> => {
  if (!existsSync('/dev/loop-control')) {
    throw new RetraceError('TOOL_MISSING', 'this kernel offers no loop devices: modprobe loop');
  }
  const range = ['-o', String(offsetBytes), '--sizelimit', String(sizeBytes)];
  const device = (await tools.run('losetup', ['-f', '--show', ...range, file], WHY)).trim();
  if (device.startsWith('/dev/')) return device;
  throw new RetraceError('MOUNT_FAILED', `losetup named no device but "${device}"`);
};

/** The loop devices over a file, however many: a crash may have left one nobody remembers. */
export const loopsOver = async (tools: Tools, file: string): Promise<readonly string[]> => {
  const text = await tools.run('losetup', ['-n', '-l', '-O', 'NAME,BACK-FILE'], WHY);
  return text.split('\n').flatMap((line) => {
    const match = /^(\/dev\/\S+)\s+(.*)$/.exec(line.trim());
    return match?.[2] === file ? [match[1]!] : [];
  });
};

/** Detaches every loop device over a file and waits until they are free. */
export const detachLoops = async (tools: Tools, file: string): Promise<void> => {
  for (const device of await loopsOver(tools, file)) {
    await tools.run('losetup', ['-d', device], WHY);
    const backing = `/sys/block/${basename(device)}/loop/backing_file`;
    // Still in use, the kernel detaches it when its last user has gone.
    const isFree = async (): Promise<boolean> =>
      (await readFile(backing, 'utf8').catch(() => '')).trim() !== file;
    if (await waitUntil(isFree, DETACH_TIMEOUT_MS)) continue;
    throw new RetraceError('MOUNT_FAILED', `${device} is in use still: see lsof ${device}`);
  }
};
