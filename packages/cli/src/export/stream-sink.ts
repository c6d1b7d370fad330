import type { Writable } from 'node:stream';
import { writeAll } from '../output/write.js';
import type { Sink } from './copy.js';

const ZEROS = Buffer.alloc(1024 * 1024);

/** Writes everything, zeros included, to a stream, at the speed of whoever reads it. */
export class StreamSink implements Sink {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** @throws ReaderGone when the reader has seen enough */
  async data(_offset: number, bytes: Buffer): Promise<void> {
    await writeAll(this.#stream, bytes);
  }

  /** @throws ReaderGone */
  async zeros(_offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; done += ZEROS.length) {
      await writeAll(this.#stream, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
    }
  }
}
