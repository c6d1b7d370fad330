import type { Socket } from 'node:net';

/** How the network behaves; shared by all connections of a proxy and changed while they run. */
export interface NetworkConditions {
  /** Added to the way of every byte, in each direction. */
  delayMs: number;
  /** Of each direction of each connection; Infinity: as fast as it goes. */
  bytesPerSecond: number;
}

interface Piece {
  /** `undefined`: the sender has said its last word. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

const PIECE_BYTES = 16 << 10;
/** A sender must wait when so much is on its way: a network holds only so much. */
const QUEUED_BYTES_MAX = 4 << 20;

/** One direction of one connection: what comes from `source` reaches `target` when it is due. */
export class ProxyLane {
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #conditions: Readonly<NetworkConditions>;
  readonly #queue: Piece[] = [];
  #queuedBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isFrozen = false;

  constructor(source: Socket, target: Socket, conditions: Readonly<NetworkConditions>) {
    this.#source = source;
    this.#target = target;
    this.#conditions = conditions;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.on('end', () => {
      this.#enqueue(undefined);
      this.#deliver();
    });
    target.on('drain', () => this.#deliver());
    source.on('close', () => clearTimeout(this.#timer));
  }

  /** Nothing moves from now on, and neither end is told. */
  freeze(): void {
    this.#isFrozen = true;
    this.#source.pause();
  }

  /** What was held is delivered after all. */
  thaw(): void {
    this.#isFrozen = false;
    this.#deliver();
  }

  #take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      this.#enqueue(chunk.subarray(at, at + PIECE_BYTES));
    }
    if (this.#queuedBytes > QUEUED_BYTES_MAX) this.#source.pause();
    this.#deliver();
  }

  #enqueue(bytes: Buffer | undefined): void {
    const { delayMs, bytesPerSecond } = this.#conditions;
    const length = bytes?.length ?? 0;
    const transferMs = (length / bytesPerSecond) * 1000;
    const now = performance.now();
    // The line is busy with what was sent before; the delay is on top of that.
    this.#lastDueMs = Math.max(this.#lastDueMs, now + delayMs) + transferMs;
    this.#queue.push({ bytes, dueMs: this.#lastDueMs });
    this.#queuedBytes += length;
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    if (this.#isFrozen) return;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const waitMs = head.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), Math.ceil(waitMs));
        return;
      }
      if (this.#target.writableNeedDrain) return;
      this.#queue.shift();
      this.#send(head.bytes);
    }
    this.#source.resume();
  }

  #send(bytes: Buffer | undefined): void {
    this.#queuedBytes -= bytes?.length ?? 0;
    if (!this.#target.writable) return;
    if (bytes === undefined) this.#target.end();
    else this.#target.write(bytes);
    if (this.#queuedBytes < QUEUED_BYTES_MAX / 2) this.#source.resume();
  }
}
