import {
  type DataFrame,
  RetraceError,
  type StreamPosition,
  toRetraceError,
  type VolumeId,
} from '@retrace/core';
import type { StreamPort } from '../journal-port.js';
import { type AgentIdentity, readDataFrame } from './frame-check.js';

/** Where the intake reports to. */
export interface IntakeOwner {
  /** Everything up to `position` is durable; `releasedBytes` of frames are done with. */
  stored(position: StreamPosition, releasedBytes: number): void;
  /** So many bytes of frames are received and not stored, of what was taken in so far. */
  held(bytes: number): void;
  /** The stream cannot go on; called once. */
  failed(error: RetraceError): void;
}

export interface IntakeOptions {
  readonly stream: StreamPort;
  readonly identity: AgentIdentity;
  readonly volumeIds: readonly VolumeId[];
  readonly instanceId: string;
  readonly sessionId: string;
  /** The epoch the session was admitted with. */
  readonly epoch: number;
  /** Frames that may be under way at once, in bytes. */
  readonly creditBytes: number;
  readonly owner: IntakeOwner;
}

type Item =
  | { readonly kind: 'frame'; readonly frame: DataFrame; readonly bytes: number }
  | { readonly kind: 'watermark'; readonly timeUs: number; readonly position: StreamPosition };

const epochOf = (item: Item): number =>
  item.kind === 'frame' ? item.frame.epoch : item.position.epoch;

/**
 * Takes in the frames and watermarks of one session, in order: checks them, has them stored, and
 * reports once per commit what is durable. A new epoch within the session (the agent gave up its
 * queue, say) is fenced like a new agent, after everything before it is stored.
 */
export class RecordIntake {
  readonly #options: IntakeOptions;
  readonly #queue: Item[] = [];
  /** The epoch that may append now, and the newest one that was seen. */
  #epoch: number;
  #epochSeen: number;
  #fencing = false;
  #ended = false;
  #heldBytes = 0;
  #appends = 0;
  readonly #idleWaiters: (() => void)[] = [];
  /** What is durable and not reported yet. */
  #stored: StreamPosition | undefined;
  #releasedBytes = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#epoch = options.epoch;
    this.#epochSeen = options.epoch;
  }

  /**
   * Takes a message that is a data frame; gives back how many records it has.
   * @throws RetraceError CREDIT_EXCEEDED, RECORD_INVALID for an epoch that goes back, and as
   *   readDataFrame: nothing of it is kept
   */
  frame(message: Buffer): number {
    this.checkCredit(message.length);
    const frame = readDataFrame(message, this.#options.identity);
    this.#put({ kind: 'frame', frame, bytes: message.length });
    this.#hold(message.length);
    this.#pump();
    return frame.records.length;
  }

  /** @throws RetraceError RECORD_INVALID for an epoch that goes back */
  watermark(timeUs: number, position: StreamPosition): void {
    this.#put({ kind: 'watermark', timeUs, position });
    this.#pump();
  }

  /** @throws RetraceError CREDIT_EXCEEDED when so many bytes more are too many */
  checkCredit(bytes: number): void {
    const { creditBytes } = this.#options;
    const total = this.#heldBytes + bytes;
    if (total <= creditBytes) return;
    throw new RetraceError(
      'CREDIT_EXCEEDED',
      `${total} bytes sent and not acknowledged, ${creditBytes} allowed`,
    );
  }

  /** Drops what has not been handed to the journal yet; nothing more is taken or reported. */
  end(): void {
    this.#ended = true;
    for (const item of this.#queue.splice(0)) if (item.kind === 'frame') this.#hold(-item.bytes);
  }

  /** Resolves when nothing of this session is on its way into the journal any more. */
  whenIdle(): Promise<void> {
    if (this.#appends === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #put(item: Item): void {
    const epoch = epochOf(item);
    // A watermark that comes first may speak of what an earlier session stored.
    if (epoch < this.#epochSeen && item.kind === 'frame') {
      throw new RetraceError('RECORD_INVALID', `epoch ${epoch} after epoch ${this.#epochSeen}`);
    }
    if (item.kind === 'frame') this.#epochSeen = epoch;
    this.#queue.push(item);
  }

  #pump(): void {
    while (!this.#fencing && !this.#ended) {
      const item = this.#queue[0];
      if (item === undefined) return;
      if (item.kind === 'frame' && item.frame.epoch !== this.#epoch) {
        this.#fencing = true;
        void this.#advance(item.frame.epoch);
        return;
      }
      this.#queue.shift();
      if (item.kind === 'frame') void this.#append(item.frame, item.bytes);
      else this.#options.stream.watermark(item.timeUs, item.position);
    }
  }

  async #advance(epoch: number): Promise<void> {
    const { stream, instanceId, sessionId } = this.#options;
    try {
      await this.whenIdle();
      await stream.fence({ epoch, instanceId, sessionId });
      this.#epoch = epoch;
      this.#fencing = false;
      this.#pump();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #append(frame: DataFrame, bytes: number): Promise<void> {
    const { stream, volumeIds } = this.#options;
    this.#appends += 1;
    try {
      await stream.append({ epoch: frame.epoch, records: frame.records, volumeIds });
      this.#report({ epoch: frame.epoch, n: frame.records.at(-1)!.n }, bytes);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#hold(-bytes);
      this.#appends -= 1;
      if (this.#appends === 0) {
        for (const resolve of this.#idleWaiters.splice(0)) resolve();
      }
    }
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#options.owner.held(this.#heldBytes);
  }

  /** One commit makes many frames durable in one go: they are reported together. */
  #report(position: StreamPosition, bytes: number): void {
    if (this.#stored === undefined) process.nextTick(() => this.#reportNow());
    this.#stored = position;
    this.#releasedBytes += bytes;
  }

  #reportNow(): void {
    const position = this.#stored;
    const releasedBytes = this.#releasedBytes;
    this.#stored = undefined;
    this.#releasedBytes = 0;
    if (position !== undefined) this.#options.owner.stored(position, releasedBytes);
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.end();
    this.#options.owner.failed(toRetraceError(error));
  }
}
