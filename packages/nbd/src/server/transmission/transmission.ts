import type { Duplex } from 'node:stream';
import { NbdError } from '../../errors.js';
import type { NbdExport } from '../../export/export.js';
import { Command, REQUEST_BYTES, REQUEST_MAGIC } from '../../protocol/constants.js';
import { FrameIntake, type FrameSink, HOLD, STOP } from '../../protocol/frame-intake.js';
import type { BudgetWaiter } from '../budget.js';
import type { ServerContext } from '../context.js';
import { Executor } from './executor.js';
import { ReplyWriter } from './reply-writer.js';
import { Request } from './request.js';
import { type RequestFacts, refusalOf, SHUTTING_DOWN } from './request-check.js';
import { StallWatch } from './stall-watch.js';

/** What a request costs beside its payload: its bookkeeping and its reply's header. */
const REQUEST_COST_BYTES = 256;
const EXTENT_COST_BYTES = 8;
/** Up to this cost, a connection's only request needs no room in the budget of the server. */
const ALONE_COST_BYTES = 256 * 1024;

/** What the handshake agreed on. */
export interface Agreement {
  readonly handle: NbdExport;
  /** As the client gave it; what the export calls itself is in `handle.info`. */
  readonly exportName: string;
  readonly facts: RequestFacts;
  readonly structured: boolean;
}

/**
 * The transmission phase of one connection: takes the stream apart into requests, lets them in as
 * far as the limits go, and ends in good order.
 */
export class Transmission implements FrameSink, BudgetWaiter {
  readonly #stream: Duplex;
  readonly #context: ServerContext;
  readonly #handle: NbdExport;
  readonly #facts: RequestFacts;
  readonly #replies: ReplyWriter;
  readonly #executor: Executor;
  readonly #intake = new FrameIntake(this, REQUEST_BYTES);
  readonly #watch: StallWatch;
  /** The request whose header came last: its body may still be on its way. */
  readonly #request = new Request();

  /** Requests admitted whose reply has not left, and their cost. */
  #heldRequests = 0;
  #heldCost = 0;
  /** A chunk is being taken apart: nothing may start taking apart another. */
  #parsing = false;
  #draining = false;
  /** No more requests are taken; the last replies are on their way. */
  #finishing = false;
  /** The peer sends nothing any more. */
  #peerEnded = false;
  #gone = false;
  #lingerTimer: NodeJS.Timeout | undefined;
  #failure: NbdError | undefined;
  #resolve: ((failure: NbdError | undefined) => void) | undefined;

  constructor(stream: Duplex, context: ServerContext, connectionId: number, agreed: Agreement) {
    this.#stream = stream;
    this.#context = context;
    this.#handle = agreed.handle;
    this.#facts = agreed.facts;
    this.#replies = new ReplyWriter(stream, agreed.structured, this.#onSent);
    const settled = (): void => this.#settle();
    this.#executor = new Executor(agreed.handle, this.#replies, context, connectionId, settled);
    this.#watch = new StallWatch(context.limits, {
      midFrame: () => this.#intake.midFrame,
      repliesWaiting: () => stream.writableLength > 0,
      stalled: (error) => this.#fail(error),
    });
  }

  /**
   * Serves until the peer or {@link shutdown} ends it and nothing is in flight any more. Resolves
   * with the reason when it was not the client's wish. The stream is left to be destroyed.
   *
   * @param received what came behind the handshake.
   */
  run(received: readonly Buffer[]): Promise<NbdError | undefined> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const stream = this.#stream;
      stream.on('data', this.#onData);
      stream.on('end', this.#onEnd);
      stream.on('close', this.#onGone);
      stream.on('error', this.#onError);
      // The end may have come behind the handshake already: what came before it counts.
      if (received.length > 0) this.#onData(Buffer.concat(received));
      if (stream.destroyed) this.#onGone();
      else if (stream.readableEnded) this.#onEnd();
      else if (!this.#intake.held) stream.resume();
    });
  }

  /** Finishes what is executing, answers the rest with ESHUTDOWN, then closes. */
  shutdown(): void {
    this.#draining = true;
    // One turn of the event loop: what has arrived is answered rather than cut off.
    setImmediate(() => setImmediate(() => this.#settle()));
  }

  header(buffer: Buffer, at: number): number {
    if (buffer.readUInt32BE(at) !== REQUEST_MAGIC) {
      return this.#fail(new NbdError('NBD_BAD_MAGIC', 'a request does not begin with its magic'));
    }
    const command = buffer.readUInt16BE(at + 6);
    if (command === Command.DISC) {
      this.#context.stats.requests[command] = 1 + (this.#context.stats.requests[command] ?? 0);
      this.#finishing = true;
      this.#settle();
      return STOP;
    }
    const request = this.#request;
    request.command = command;
    request.flags = buffer.readUInt16BE(at + 4);
    request.cookieHigh = buffer.readInt32BE(at + 8);
    request.cookieLow = buffer.readInt32BE(at + 12);
    request.offset = buffer.readUInt32BE(at + 16) * 2 ** 32 + buffer.readUInt32BE(at + 20);
    request.length = buffer.readUInt32BE(at + 24);
    request.refusal = this.#draining ? SHUTTING_DOWN : refusalOf(this.#facts, request);
    request.cost = this.#costOf(request);
    if (!this.#admit(request.cost)) return HOLD;
    if (command !== Command.WRITE || request.length === 0) {
      this.#execute(undefined);
      return 0;
    }
    if (request.refusal === undefined || request.length <= this.#context.limits.discardBytesMax) {
      return request.length;
    }
    const text = `a write of ${request.length} bytes`;
    return this.#fail(new NbdError('NBD_PAYLOAD_TOO_LARGE', text));
  }

  target(length: number): Buffer | undefined {
    if (this.#request.refusal !== undefined) return undefined;
    return this.#handle.allocate?.(length) ?? Buffer.allocUnsafeSlow(length);
  }

  body(data: Buffer): number {
    if (this.#draining) this.#request.refusal ??= SHUTTING_DOWN;
    this.#execute(data);
    return 0;
  }

  budgetFreed(): void {
    this.#continueHeld();
  }

  #execute(data: Buffer | undefined): void {
    this.#watch.frameDone();
    this.#executor.execute(this.#request, data);
  }

  #costOf(request: Request): number {
    const { command, length } = request;
    if (request.refusal !== undefined) return REQUEST_COST_BYTES;
    if (command === Command.READ || command === Command.WRITE) return REQUEST_COST_BYTES + length;
    if (command !== Command.BLOCK_STATUS) return REQUEST_COST_BYTES;
    return REQUEST_COST_BYTES + EXTENT_COST_BYTES * this.#context.limits.extentsPerReplyMax;
  }

  /**
   * Lets a request in when there is room. A small one alone is always let in: whoever fills the
   * budget of the server can make others slow, but not stop them.
   */
  #admit(cost: number): boolean {
    const { limits, budget } = this.#context;
    const alone = this.#heldRequests === 0;
    if (!alone) {
      if (this.#heldRequests >= limits.connectionRequestsMax) return false;
      if (this.#heldCost + cost > limits.connectionBytesMax) return false;
    }
    if (alone && cost <= ALONE_COST_BYTES) budget.take(cost);
    else if (!budget.tryTake(cost, this)) return false;
    this.#heldRequests += 1;
    this.#heldCost += cost;
    return true;
  }

  readonly #onSent = (requests: number, cost: number): void => {
    if (this.#resolve === undefined) return;
    this.#heldRequests -= requests;
    this.#heldCost -= cost;
    this.#context.budget.give(requests, cost);
    this.#watch.repliesMoved();
    this.#continueHeld();
    if (this.#draining) this.#settle();
  };

  #continueHeld(): void {
    if (!this.#intake.held || this.#parsing || this.#gone) return;
    this.#parse(undefined);
    if (!this.#intake.held) this.#stream.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#finishing) this.#parse(chunk);
  };

  #parse(chunk: Buffer | undefined): void {
    this.#parsing = true;
    if (chunk === undefined) this.#intake.resume();
    else this.#intake.feed(chunk);
    this.#parsing = false;
    if (this.#intake.held) this.#stream.pause();
    this.#replies.flush();
  }

  readonly #onEnd = (): void => {
    this.#peerEnded = true;
    // After DISC the peer may close its side and still read: the last replies go out first.
    if (!this.#finishing || this.#stream.writableFinished) this.#onGone();
  };

  readonly #onError = (cause: Error): void => {
    this.#failure ??= new NbdError('NBD_DISCONNECTED', `connection lost: ${cause.message}`, {
      cause,
    });
    this.#onGone();
  };

  readonly #onGone = (): void => {
    if (!this.#gone && !this.#finishing) {
      this.#failure ??= new NbdError('NBD_DISCONNECTED', 'the client left without saying so');
    }
    this.#gone = true;
    this.#settle();
  };

  #fail(error: NbdError): number {
    this.#failure ??= error;
    this.#replies.flush();
    this.#stream.destroy();
    return STOP;
  }

  /** Something has ended: perhaps all has. */
  #settle(): void {
    if (this.#executor.executing > 0) return;
    if (this.#gone) {
      this.#complete();
      return;
    }
    if (this.#draining && !this.#finishing && this.#intake.held) {
      // Requests that wait for room are answered too, as replies leave and make some.
      this.#replies.flush();
      return;
    }
    if ((this.#finishing || this.#draining) && this.#lingerTimer === undefined) this.#finish();
  }

  #finish(): void {
    const stream = this.#stream;
    this.#finishing = true;
    this.#replies.flush();
    this.#lingerTimer = setTimeout(this.#onGone, this.#context.limits.lingerMs);
    stream.end(() => {
      if (this.#peerEnded) this.#onGone();
    });
    // What still comes is thrown away: unread, it would make TCP throw away our last replies.
    stream.resume();
  }

  #complete(): void {
    if (this.#resolve === undefined) return;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#watch.stop();
    clearTimeout(this.#lingerTimer);
    this.#stream.destroy();
    // Given back here and not by those who hold it: not every stream ends a write it was cut in.
    const { budget } = this.#context;
    budget.forget(this);
    budget.give(this.#heldRequests, this.#heldCost);
    resolve(this.#failure);
  }
}
