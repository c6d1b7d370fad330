import type { Writable } from 'node:stream';
import { systemErrorCode } from '@retrace/core';

/** The reader of stdout has gone: it has all it wanted (`| head`). Not an error. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

/**
 * Writes all of `data` and waits until the stream has taken it.
 * @throws ReaderGone when whoever reads it has closed it; the stream's own error else
 */
export const writeAll = (stream: Writable, data: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    if (stream.destroyed || stream.errored !== null) {
      reject(new ReaderGone('the output was closed'));
      return;
    }
    stream.write(data, (error) => {
      if (error === null || error === undefined) resolve();
      else if (isGone(error)) reject(new ReaderGone('the output was closed', { cause: error }));
      else reject(error);
    });
  });

const GONE = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

const isGone = (error: Error): boolean => GONE.has(systemErrorCode(error) ?? '');
