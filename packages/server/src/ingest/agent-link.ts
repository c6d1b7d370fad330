import type { Socket } from 'node:net';
import { RetraceError } from '@retrace/core';
import type { ServerLimits } from '../limits.js';
import type { AgentSocket } from './agent-socket.js';
import type { BudgetMember, IngestBudget } from './budget.js';

/** Where a link hands over what it receives. */
export interface LinkOwner {
  message(bytes: Buffer): void;
  /** So many bytes of a message have come, or are to come, that it is no control message. */
  arriving(bytes: number): void;
  /** Nothing sensible can come any more. */
  fault(error: RetraceError): void;
  closed(): void;
}

export interface LinkOptions {
  readonly ws: AgentSocket;
  readonly socket: Socket;
  readonly budget: IngestBudget;
  readonly limits: ServerLimits;
  readonly owner: LinkOwner;
}

/** Header of a masked WebSocket frame (RFC 6455, 5.2). */
const frameHeaderBytes = (payloadBytes: number): number => {
  if (payloadBytes < 126) return 6;
  return payloadBytes < 65_536 ? 8 : 14;
};

/** Payload that the frame at the start of `chunk` announces; 0 where its head is not whole. */
const announcedBytes = (chunk: Buffer): number => {
  const short = (chunk[1] ?? 0) & 0x7f;
  if (short === 126 && chunk.length >= 4) return chunk.readUInt16BE(2);
  if (short === 127 && chunk.length >= 10) return Number(chunk.readBigUInt64BE(2));
  return short;
};

/**
 * The connection of one session: counts every byte that has come and is not stored, part of a
 * message or whole, against the budget of all agents, and tells the slow and the dead apart.
 */
export class AgentLink implements BudgetMember {
  readonly #options: LinkOptions;
  /** Bytes of the message that is arriving. */
  #partialBytes = 0;
  /** Bytes of whole messages that are not stored yet; those of the message in hand. */
  #heldBytes = 0;
  #newlyHeld = 0;
  #lastChunkBytes = 0;
  /** Monotonic times, in milliseconds. */
  #partialSinceMs = performance.now();
  #heardMs = performance.now();
  #pingedMs = performance.now();
  #paused = false;
  #stopped = false;
  #gone = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { ws, socket } = options;
    // Before the listener of `ws`: the bytes must be counted when a message of them comes out.
    socket.prependListener('data', this.#onData);
    ws.on('message', this.#onMessage);
    ws.on('ping', this.#onControl);
    ws.on('pong', this.#onControl);
    // `ws` closes the connection itself then, and AgentSocket says why.
    ws.on('error', (cause) =>
      options.owner.fault(
        new RetraceError('FRAME_INVALID', `connection: ${cause.message}`, { cause }),
      ),
    );
    ws.once('close', () => {
      this.#gone = true;
      options.budget.leave(this, this.#partialBytes);
      this.#partialBytes = 0;
      options.owner.closed();
    });
  }

  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** The session holds so many bytes of whole messages that are not stored. */
  hold(bytes: number): void {
    const change = bytes - this.#heldBytes;
    this.#heldBytes = bytes;
    if (change > 0) this.#newlyHeld += change;
    else this.#options.budget.stored(-change);
  }

  pause(): void {
    if (this.#gone) return;
    this.#paused = true;
    this.#options.ws.pause();
  }

  resume(): void {
    if (this.#gone || this.#stopped) return;
    this.#paused = false;
    // The time it was not allowed to send does not count.
    this.#heardMs = performance.now();
    this.#partialSinceMs = this.#heardMs;
    this.#options.ws.resume();
  }

  /** Reads nothing more. */
  stop(): void {
    if (this.#gone) return;
    this.#stopped = true;
    this.#options.ws.pause();
  }

  /** Pings the peer when it is time, and finds out those that hang. */
  tick(nowMs: number): void {
    const { limits, owner, ws } = this.#options;
    if (this.#gone) return;
    if (ws.bufferedAmount > limits.sendBufferBytesMax) {
      owner.fault(new RetraceError('FRAME_INVALID', 'the agent does not read what it is sent'));
      ws.terminate();
      return;
    }
    if (nowMs - this.#pingedMs >= limits.pingIntervalMs && ws.readyState === ws.OPEN) {
      this.#pingedMs = nowMs;
      ws.ping();
    }
    if (this.#paused) return;
    const hurries = this.#options.budget.hurries(this);
    const silenceMs = hurries ? limits.turnSilenceMs : limits.silenceTimeoutMs;
    if (nowMs - this.#heardMs > silenceMs) {
      owner.fault(new RetraceError('FRAME_INVALID', `nothing came for ${silenceMs} ms`));
    } else if (this.#partialBytes > 0 && nowMs - this.#partialSinceMs > limits.frameTimeoutMs) {
      owner.fault(
        new RetraceError(
          'FRAME_INVALID',
          `half a message, and no end in ${limits.frameTimeoutMs} ms`,
        ),
      );
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#heardMs = performance.now();
    const begins = this.#partialBytes === 0;
    if (begins) this.#partialSinceMs = this.#heardMs;
    this.#partialBytes += chunk.length;
    this.#lastChunkBytes = chunk.length;
    const { budget, limits, owner } = this.#options;
    budget.arrived(this, chunk.length);
    // What a frame announces is known before it is in memory.
    const bytes = Math.max(this.#partialBytes, begins ? announcedBytes(chunk) : 0);
    if (bytes > limits.helloBytesMax) owner.arriving(bytes);
  };

  readonly #onMessage = (data: Buffer, isBinary: boolean): void => {
    const bytes = this.#took(data.length);
    const { budget, owner } = this.#options;
    this.#newlyHeld = 0;
    if (isBinary) owner.message(data);
    else owner.fault(new RetraceError('FRAME_INVALID', 'a text message; all messages are binary'));
    budget.whole(this, bytes, this.#newlyHeld);
  };

  readonly #onControl = (data: Buffer): void => {
    this.#options.budget.whole(this, this.#took(data.length), 0);
  };

  /**
   * Takes a whole frame out of what is arriving; gives back how much less that is now. What is left
   * belongs to the newest chunk: headers of fragments cannot add up.
   */
  #took(payloadBytes: number): number {
    const before = this.#partialBytes;
    const rest = before - payloadBytes - frameHeaderBytes(payloadBytes);
    this.#partialBytes = Math.min(Math.max(rest, 0), this.#lastChunkBytes);
    this.#partialSinceMs = performance.now();
    return before - this.#partialBytes;
  }
}
