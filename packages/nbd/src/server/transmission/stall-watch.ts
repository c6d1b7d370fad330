import { NbdError } from '../../errors.js';
import type { NbdLimits } from '../../limits.js';

/** What a {@link StallWatch} looks at. */
export interface StallSubject {
  /** Part of a request has arrived, and not all of it. */
  midFrame(): boolean;
  /** Replies wait for the peer to take them. */
  repliesWaiting(): boolean;
  /** Too long without progress; called once. */
  stalled(error: NbdError): void;
}

const TICKS_PER_TIMEOUT = 4;

/**
 * Notices a peer that sends half a request, or takes no replies. Counts ticks of a coarse timer,
 * so that the hot path has no clock to read: a timeout is late by up to a quarter.
 */
export class StallWatch {
  readonly #subject: StallSubject;
  readonly #timer: NodeJS.Timeout;
  readonly #frameTicksMax: number;
  readonly #replyTicksMax: number;
  #frameTicks = 0;
  #replyTicks = 0;

  constructor(limits: NbdLimits, subject: StallSubject) {
    this.#subject = subject;
    const tickMs = Math.max(
      1,
      Math.floor(Math.min(limits.frameTimeoutMs, limits.replyTimeoutMs) / TICKS_PER_TIMEOUT),
    );
    this.#frameTicksMax = Math.ceil(limits.frameTimeoutMs / tickMs);
    this.#replyTicksMax = Math.ceil(limits.replyTimeoutMs / tickMs);
    this.#timer = setInterval(() => this.#tick(), tickMs);
    this.#timer.unref();
  }

  /** A request has arrived whole. */
  frameDone(): void {
    this.#frameTicks = 0;
  }

  /** The peer has taken replies. */
  repliesMoved(): void {
    this.#replyTicks = 0;
  }

  /** Ends the watch. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    this.#frameTicks = this.#subject.midFrame() ? this.#frameTicks + 1 : 0;
    this.#replyTicks = this.#subject.repliesWaiting() ? this.#replyTicks + 1 : 0;
    if (this.#frameTicks > this.#frameTicksMax) {
      this.#stalled(new NbdError('NBD_FRAME_TIMEOUT', 'half a request arrived, and no more of it'));
    } else if (this.#replyTicks > this.#replyTicksMax) {
      this.#stalled(new NbdError('NBD_REPLY_TIMEOUT', 'the client does not read its replies'));
    }
  }

  #stalled(error: NbdError): void {
    this.stop();
    this.#subject.stalled(error);
  }
}
