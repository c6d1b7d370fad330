import type { Duplex } from 'node:stream';
import { NbdError } from '../errors.js';
import { COMMAND_NAMES, Command } from '../protocol/constants.js';
import { FrameIntake } from '../protocol/frame-intake.js';
import type { ClientAgreement } from './handshake.js';
import type { Pending } from './pending.js';
import { encodeRequest, type NbdRawClient } from './raw.js';
import { REPLY_HEADER_BYTES, ReplyParser } from './reply-parser.js';

const LINGER_MS = 1000;
const COOKIES = 2 ** 32;
const LENGTH_MAX = 2 ** 32 - 1;

/** The transmission phase from the client's side: requests out, replies in, each to its promise. */
export class RequestStream {
  readonly hasAllocation: boolean;
  readonly closed: Promise<NbdError | undefined>;
  readonly #stream: Duplex;
  readonly #pending = new Map<number, Pending>();
  readonly #intake: FrameIntake;
  readonly #resolveClosed: (reason: NbdError | undefined) => void;
  #lastCookie = 0;
  #failure: NbdError | undefined;

  constructor(raw: NbdRawClient, agreement: ClientAgreement) {
    const { stream } = raw;
    this.#stream = stream;
    this.hasAllocation = agreement.allocationId !== undefined;
    let resolveClosed: (reason: NbdError | undefined) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
    const { structured, allocationId } = agreement;
    const broken = (error: NbdError): void => this.#fail(error);
    const parser = new ReplyParser({ pending: this.#pending, structured, allocationId, broken });
    this.#intake = new FrameIntake(parser, REPLY_HEADER_BYTES);
    const received = raw.release();
    stream.on('data', (chunk: Buffer) => this.#intake.feed(chunk));
    stream.on('end', () => this.#fail(gone('the server closed the connection')));
    stream.on('close', () => this.#fail(gone('the connection is closed')));
    stream.on('error', (cause: Error) => this.#fail(gone(cause.message, cause)));
    if (stream.destroyed) this.#fail(gone('the connection is closed'));
    for (const chunk of received) this.#intake.feed(chunk);
    stream.resume();
  }

  /** Sends a request; resolves when it is answered. */
  send(
    command: number,
    flags: number,
    offset: number,
    length: number,
    payload: { readonly target?: Buffer; readonly data?: Buffer } = {},
  ): Promise<Pending> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!Number.isSafeInteger(offset) || offset < 0 || !(length >= 0 && length <= LENGTH_MAX)) {
      const text = `offset ${offset}, length ${length}`;
      return Promise.reject(new NbdError('NBD_INVALID_REQUEST', text));
    }
    const cookie = this.#freeCookie();
    const header = encodeRequest({
      command,
      flags,
      cookie: BigInt(cookie),
      offset: BigInt(offset),
      length,
    });
    return new Promise((resolve, reject) => {
      this.#pending.set(cookie, {
        operation: COMMAND_NAMES[command] ?? 'request',
        offset,
        target: payload.target,
        received: 0,
        extents: undefined,
        error: undefined,
        resolve,
        reject,
      });
      if (payload.data === undefined) {
        this.#stream.write(header);
        return;
      }
      this.#stream.cork();
      this.#stream.write(header);
      this.#stream.write(payload.data);
      this.#stream.uncork();
    });
  }

  /** Sends DISC and waits until the connection is closed, a second at most. */
  close(): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => stream.destroy(), LINGER_MS);
      stream.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      stream.once('end', () => stream.destroy());
      if (this.#failure === undefined) {
        stream.write(encodeRequest({ command: Command.DISC, cookie: 0n }));
      }
      this.#finish(new NbdError('NBD_CLOSED', 'this client was closed'), undefined);
      stream.end();
    });
  }

  /** Closes without a goodbye. */
  destroy(): void {
    this.#finish(new NbdError('NBD_CLOSED', 'this client was closed'), undefined);
    this.#stream.destroy();
  }

  #freeCookie(): number {
    do {
      this.#lastCookie = (this.#lastCookie + 1) % COOKIES;
    } while (this.#pending.has(this.#lastCookie));
    return this.#lastCookie;
  }

  #fail(error: NbdError): void {
    this.#finish(error, error);
    this.#stream.destroy();
  }

  /** The first reason stands: everything in flight and everything later is rejected with it. */
  #finish(error: NbdError, reason: NbdError | undefined): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const request of pending) request.reject(error);
    this.#resolveClosed(reason);
  }
}

const gone = (text: string, cause?: Error): NbdError =>
  new NbdError('NBD_DISCONNECTED', `connection lost: ${text}`, { cause });
