import { open, rm } from 'node:fs/promises';
import { RetraceError } from '@retrace/core';
import { lastWords, type ProgramFinder, requireProgram, runProgram } from '../system/programs.js';
import { commitFile, fileError, partialPath } from './file-sink.js';

const TIMEOUT_MS = 7 * 24 * 3600 * 1000;

/**
 * Makes a qcow2 image of an NBD export by qemu-img, which reads the export itself.
 * @throws RetraceError TOOL_MISSING, STORAGE_FAILED
 */
export const exportQcow2 = async (
  uri: string,
  path: string,
  find: ProgramFinder,
  signal: AbortSignal,
): Promise<void> => {
  const qemuImg = requireProgram(find, 'qemu-img', 'makes qcow2 images');
  const partial = partialPath(path);
  try {
    const args = ['convert', '-f', 'raw', '-O', 'qcow2', uri, partial];
    const end = await runProgram(qemuImg, args, { timeoutMs: TIMEOUT_MS, signal });
    if (end.exit !== 0) {
      throw new RetraceError('STORAGE_FAILED', `qemu-img failed: ${lastWords(end)}`);
    }
    await syncFile(partial);
    await commitFile(path);
  } catch (error) {
    await rm(partial, { force: true });
    throw signal.aborted ? error : fileError(path, error);
  }
};

const syncFile = async (path: string): Promise<void> => {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
};
