import { DATA_FRAME_HEADER_BYTES, type Epoch, encodeDataFrame, framedBytes } from '@retrace/core';
import type { AgentLimits } from '../limits.js';
import { BufferPool } from '../queue/buffer-pool.js';
import type { QueuedRecord } from '../queue/record-queue.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Cancel, Scheduler } from '../system/scheduler.js';

/** Where frames go: one connection. */
export interface FrameTarget {
  /** Sends a message; `sent` when the socket has taken it. */
  send(message: Buffer, sent: () => void): void;
  /** Bytes given to it that the socket has yet to take. */
  readonly bufferedBytes: number;
}

/**
 * Makes frames of the queue for one connection, as far as credits and the socket's buffer go.
 * Records nobody waits for are gathered for a moment, so that few frames carry many.
 */
export class FrameSender {
  readonly #stream: RecordStream;
  readonly #limits: AgentLimits;
  readonly #scheduler: Scheduler;
  readonly #target: FrameTarget;
  readonly #creditBytes: number;
  readonly #frames: BufferPool;
  #inFlightBytes = 0;
  #soon = false;
  #linger: Cancel | undefined;
  #stopped = false;
  /** Sending has stopped for want of credit or of room in the socket. */
  #blocked = false;
  readonly #pump = (): void => {
    this.#soon = false;
    this.#linger?.();
    this.#linger = undefined;
    this.#send();
  };
  readonly #allocate = (bytes: number): Buffer => this.#frames.take(bytes);

  /**
   * @param creditBytes - frames that may be under way, unacknowledged; one frame always may
   */
  constructor(
    stream: RecordStream,
    limits: AgentLimits,
    scheduler: Scheduler,
    target: FrameTarget,
    creditBytes: number,
  ) {
    this.#stream = stream;
    this.#limits = limits;
    this.#scheduler = scheduler;
    this.#target = target;
    this.#creditBytes = creditBytes;
    this.#frames = new BufferPool(limits.idleBufferBytesMax);
  }

  /** A record was queued. */
  queued(): void {
    if (this.#soon || this.#stopped) return;
    if (this.#stream.queue.unsentBytes >= this.#limits.frameEagerBytes) this.urgent();
    else this.#linger ??= this.#scheduler.after(this.#limits.frameLingerMs, this.#pump);
  }

  /** Somebody waits: send at the end of this turn of the event loop. */
  urgent(): void {
    if (this.#soon || this.#stopped) return;
    this.#soon = true;
    this.#scheduler.soon(this.#pump);
  }

  /** Sends what can be sent, now. */
  flush(): void {
    this.#pump();
  }

  /** The server has freed so much credit. */
  released(bytes: number): void {
    this.#inFlightBytes = Math.max(0, this.#inFlightBytes - bytes);
    if (this.#blocked) this.urgent();
  }

  /** The connection is over. */
  stop(): void {
    this.#stopped = true;
    this.#linger?.();
    this.#linger = undefined;
  }

  #send(): void {
    const { queue } = this.#stream;
    if (queue.firstUnsent === undefined) return;
    this.#blocked = true;
    while (!this.#stopped && this.#stream.recording && queue.firstUnsent !== undefined) {
      if (this.#target.bufferedBytes > this.#limits.socketBufferBytesMax) return;
      const bytesMax = this.#frameBytesMax(queue.firstUnsent);
      if (bytesMax === 0) return;
      const records = queue.takeUnsent(bytesMax, this.#limits.frameRecordsMax);
      const message = encodeDataFrame(this.#stream.epoch as Epoch, records, this.#allocate);
      this.#inFlightBytes += message.length;
      this.#stream.sent(records[records.length - 1]!.n);
      this.#target.send(message, () => {
        this.#frames.give(message);
        if (this.#blocked) this.urgent();
      });
    }
    this.#blocked = false;
  }

  /** What the next frame's records may take; 0: nothing may be sent now. */
  #frameBytesMax(next: QueuedRecord): number {
    const frameBytesMax = Math.max(1, this.#limits.frameBytesMax - DATA_FRAME_HEADER_BYTES);
    if (this.#inFlightBytes === 0) return Math.min(frameBytesMax, Math.max(1, this.#creditBytes));
    const creditBytes = this.#creditBytes - this.#inFlightBytes - DATA_FRAME_HEADER_BYTES;
    return framedBytes(next) > creditBytes ? 0 : Math.min(frameBytesMax, creditBytes);
  }
}
