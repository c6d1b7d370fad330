import type { Duplex } from 'node:stream';
import { NbdError } from '../errors.js';

/** Bytes nobody asked for yet are read up to here, so that the end of the stream is noticed. */
const READ_AHEAD_BYTES = 64 * 1024;

interface Waiting {
  readonly bytes: number;
  readonly resolve: (data: Buffer) => void;
  readonly reject: (error: NbdError) => void;
}

/** Reads a stream in pieces of a given size: for handshakes, where speed does not matter. */
export class ByteReader {
  readonly #stream: Duplex;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #waiting: Waiting | undefined;
  #failure: NbdError | undefined;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', this.#onData);
    stream.on('end', this.#onEnd);
    stream.on('close', this.#onEnd);
    stream.on('error', this.#onError);
    if (stream.destroyed || stream.readableEnded) this.#onEnd();
  }

  /**
   * The next `bytes` bytes (0 or more). One call at a time.
   *
   * @throws NbdError NBD_DISCONNECTED when the stream ends before, or what {@link fail} was given.
   */
  read(bytes: number): Promise<Buffer> {
    if (this.#buffered >= bytes) return Promise.resolve(this.#take(bytes));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { bytes, resolve, reject };
      this.#stream.resume();
    });
  }

  /** Rejects the read under way and all later ones that what was received cannot satisfy. */
  fail(error: NbdError): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure);
  }

  /** Lets go of the stream, which is left paused, and gives back what was received and not read. */
  release(): readonly Buffer[] {
    this.#stream.pause();
    this.#stream.off('data', this.#onData);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('close', this.#onEnd);
    this.#stream.off('error', this.#onError);
    const rest = this.#chunks;
    this.#chunks = [];
    this.#buffered = 0;
    return rest;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const waiting = this.#waiting;
    if (waiting !== undefined && this.#buffered >= waiting.bytes) {
      this.#waiting = undefined;
      waiting.resolve(this.#take(waiting.bytes));
    }
    if (this.#waiting === undefined && this.#buffered > READ_AHEAD_BYTES) this.#stream.pause();
  };

  readonly #onEnd = (): void => this.fail(new NbdError('NBD_DISCONNECTED', 'the peer is gone'));

  readonly #onError = (cause: Error): void =>
    this.fail(new NbdError('NBD_DISCONNECTED', `connection lost: ${cause.message}`, { cause }));

  #take(bytes: number): Buffer {
    this.#buffered -= bytes;
    const first = this.#chunks[0];
    if (first !== undefined && first.length > bytes) {
      this.#chunks[0] = first.subarray(bytes);
      return first.subarray(0, bytes);
    }
    const whole = Buffer.allocUnsafe(bytes);
    let filled = 0;
    let used = 0;
    while (filled < bytes) {
      const chunk = this.#chunks[used] as Buffer;
      const taken = chunk.copy(whole, filled);
      filled += taken;
      if (taken < chunk.length) this.#chunks[used] = chunk.subarray(taken);
      else used += 1;
    }
    this.#chunks.splice(0, used);
    return whole;
  }
}
