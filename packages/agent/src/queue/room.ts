import type { AgentLimits } from '../limits.js';
import type { Cancel, Scheduler } from '../system/scheduler.js';
import { RECORD_OVERHEAD_BYTES, type RecordQueue } from './record-queue.js';

interface Waiter {
  readonly bytes: number;
  readonly sinceMs: number;
  readonly grant: () => void;
}

interface CopyWaiter {
  readonly bytes: number;
  readonly grant: () => void;
}

/**
 * Who may put something into the queue. Guests wait in order for as long as `roomWaitMsMax`; then
 * the queue is given up. A full copy uses the lower half only, and only while no guest waits.
 */
export class Room {
  readonly #queue: RecordQueue;
  readonly #limits: AgentLimits;
  readonly #scheduler: Scheduler;
  readonly #giveUp: () => void;
  readonly #isWorthWaiting: () => boolean;
  #waiters: Waiter[] = [];
  #copyWaiters: CopyWaiter[] = [];
  #reserved = 0;
  #reservedRecords = 0;
  #open = false;
  #timer: Cancel | undefined;

  /**
   * @param giveUp - a guest has waited too long; must {@link close} the room
   * @param isWorthWaiting - false while all volumes are to be copied anyway: no guest waits then
   */
  constructor(
    queue: RecordQueue,
    limits: AgentLimits,
    scheduler: Scheduler,
    giveUp: () => void,
    isWorthWaiting: () => boolean = () => true,
  ) {
    this.#queue = queue;
    this.#limits = limits;
    this.#scheduler = scheduler;
    this.#giveUp = giveUp;
    this.#isWorthWaiting = isWorthWaiting;
  }

  /** Guests waiting for room. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Records are kept from now on: room is limited. */
  open(): void {
    this.#open = true;
  }

  /** Nothing is kept any more: everybody has room. */
  close(): void {
    this.#open = false;
    this.#disarm();
    const waiters = this.#waiters;
    const copyWaiters = this.#copyWaiters;
    this.#waiters = [];
    this.#copyWaiters = [];
    for (const { bytes, grant } of [...waiters, ...copyWaiters]) {
      this.#reserve(bytes);
      grant();
    }
  }

  /** True when a record with this payload may be queued at once, without a reservation. */
  hasRoom(payloadBytes: number): boolean {
    return !this.#open || (this.#waiters.length === 0 && this.#fits(payloadBytes));
  }

  /**
   * Waits for room and reserves it. {@link give} it back once the record is queued, or never will.
   * @param signal - gives up waiting
   * @returns the bytes reserved
   * @throws the signal's reason
   */
  take(payloadBytes: number, signal?: AbortSignal): Promise<number> {
    const bytes = payloadBytes + RECORD_OVERHEAD_BYTES;
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.hasRoom(payloadBytes)) {
      this.#reserve(bytes);
      return Promise.resolve(bytes);
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        this.#rearm();
        reject(signal?.reason as Error);
        this.freed();
      };
      const waiter: Waiter = {
        bytes,
        sinceMs: this.#scheduler.nowMs(),
        grant: () => {
          signal?.removeEventListener('abort', abort);
          resolve(bytes);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
      if (this.#timer === undefined) this.#rearm();
    });
  }

  /** The same for a full copy: as long as it takes. */
  takeForCopy(payloadBytes: number): Promise<number> {
    const bytes = payloadBytes + RECORD_OVERHEAD_BYTES;
    if (this.#fitsCopy(bytes)) {
      this.#reserve(bytes);
      return Promise.resolve(bytes);
    }
    return new Promise((resolve) => {
      this.#copyWaiters.push({ bytes, grant: () => resolve(bytes) });
    });
  }

  /** Gives back what was reserved. */
  give(bytes: number): void {
    this.#reserved -= bytes;
    this.#reservedRecords -= 1;
    this.freed();
  }

  /** The queue has shrunk. */
  freed(): void {
    let granted = 0;
    for (const { bytes, grant } of this.#waiters) {
      if (!this.#fits(bytes - RECORD_OVERHEAD_BYTES)) break;
      this.#reserve(bytes);
      granted += 1;
      grant();
    }
    if (granted > 0) {
      this.#waiters.splice(0, granted);
      this.#rearm();
    }
    while (this.#copyWaiters.length > 0 && this.#fitsCopy(this.#copyWaiters[0]!.bytes)) {
      const { bytes, grant } = this.#copyWaiters.shift()!;
      this.#reserve(bytes);
      grant();
    }
  }

  #reserve(bytes: number): void {
    this.#reserved += bytes;
    this.#reservedRecords += 1;
  }

  #fits(payloadBytes: number): boolean {
    const used = this.#queue.bytes + this.#reserved;
    if (used === 0) return true;
    return (
      used + payloadBytes + RECORD_OVERHEAD_BYTES <= this.#limits.queueBytesMax &&
      this.#queue.length + this.#reservedRecords < this.#limits.queueRecordsMax
    );
  }

  #fitsCopy(bytes: number): boolean {
    if (!this.#open) return true;
    const used = this.#queue.bytes + this.#reserved;
    if (this.#waiters.length > 0) return false;
    if (used === 0) return true;
    return (
      used + bytes <= this.#limits.queueBytesMax / 2 &&
      this.#queue.length < this.#limits.queueRecordsMax / 2
    );
  }

  #disarm(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #rearm(): void {
    this.#disarm();
    const first = this.#waiters[0];
    if (first === undefined) return;
    const waitMs = this.#isWorthWaiting() ? this.#limits.roomWaitMsMax : 0;
    const leftMs = first.sinceMs + waitMs - this.#scheduler.nowMs();
    this.#timer = this.#scheduler.after(Math.max(0, leftMs), () => {
      this.#timer = undefined;
      this.#giveUp();
    });
  }
}
