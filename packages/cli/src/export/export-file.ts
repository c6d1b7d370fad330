import { stat } from 'node:fs/promises';
import { RetraceError } from '@retrace/core';
import { copy } from './copy.js';
import { FileSink } from './file-sink.js';
import type { ByteRange } from './pieces.js';
import type { Source } from './source.js';

/**
 * Checks that a file may be written.
 * @param force - an existing file may be replaced
 * @throws RetraceError USAGE
 */
export const checkTarget = async (path: string, force: boolean): Promise<void> => {
  const existing = await stat(path).catch(() => undefined);
  if (existing === undefined) return;
  if (!existing.isFile()) {
    throw new RetraceError(
      'USAGE',
      `${path} is not a file; to write a device use "retrace export ... - | dd of=${path}"`,
    );
  }
  if (!force) {
    throw new RetraceError('USAGE', `${path} exists: give another name, or --force to replace it`);
  }
};

/**
 * Copies a range of a source into a new sparse file, which has its name only when it is complete
 * and on stable storage.
 * @param signal - gives up: the incomplete file is removed
 * @throws RetraceError STORAGE_FAILED, DISK_FULL; the source's errors
 */
export const exportFile = async (
  source: Source,
  range: ByteRange,
  path: string,
  onProgress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<void> => {
  const sink = await FileSink.create(path, range.start, range.end - range.start);
  try {
    await copy(source, range, sink, {
      onProgress: (done) => {
        signal.throwIfAborted();
        onProgress(done);
      },
    });
    await sink.finish();
  } catch (error) {
    await sink.abandon();
    throw error;
  }
};
