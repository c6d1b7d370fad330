import type { AgentRecord } from '@retrace/core';
import { framedBytes } from '@retrace/core';
import { BufferPool } from './buffer-pool.js';

/** Memory of one queued record beside its payload: objects, checksums, its place in the queue. */
export const RECORD_OVERHEAD_BYTES = 320;

const COMPACT_MIN = 4096;

/** A record that waits for its acknowledgement, and the memory that is freed with it. */
export interface QueuedRecord extends AgentRecord {
  readonly heldBytes: number;
}

/** The records of one epoch that the journal has not acknowledged, in order. */
export class RecordQueue {
  /** Where payloads may come from; those of acknowledged records go back there. */
  readonly payloads: BufferPool;
  #records: (QueuedRecord | undefined)[] = [];
  /** Index of the oldest record. */
  #head = 0;
  /** Index of the first record not sent on this connection. */
  #unsent = 0;
  #bytes = 0;
  #unsentBytes = 0;

  constructor(payloads: BufferPool = new BufferPool(0)) {
    this.payloads = payloads;
  }

  get length(): number {
    return this.#records.length - this.#head;
  }

  /** Memory held, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of that, what was not sent on this connection. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get oldest(): QueuedRecord | undefined {
    return this.#records[this.#head];
  }

  get firstUnsent(): QueuedRecord | undefined {
    return this.#records[this.#unsent];
  }

  /** Appends a record: its n is one more than that of the record before. */
  push(record: QueuedRecord): void {
    this.#records.push(record);
    this.#bytes += record.heldBytes;
    this.#unsentBytes += record.heldBytes;
  }

  /** Removes every record with n up to `n`; returns the number removed. */
  dropThrough(n: number): number {
    const from = this.#head;
    const oldest = this.oldest;
    if (oldest === undefined || n < oldest.n) return 0;
    const to = Math.min(from + (n - oldest.n) + 1, this.#records.length);
    for (let i = from; i < to; i++) {
      const { heldBytes, payload } = this.#records[i]!;
      this.payloads.give(payload);
      this.#bytes -= heldBytes;
      if (i >= this.#unsent) this.#unsentBytes -= heldBytes;
      this.#records[i] = undefined;
    }
    this.#head = to;
    this.#unsent = Math.max(this.#unsent, to);
    this.#compact();
    return to - from;
  }

  /** Empties it: the records are lost to the journal. */
  clear(): void {
    this.#records = [];
    this.#head = 0;
    this.#unsent = 0;
    this.#bytes = 0;
    this.#unsentBytes = 0;
  }

  /** A new connection: everything is to be sent again. */
  rewind(): void {
    this.#unsent = this.#head;
    this.#unsentBytes = this.#bytes;
  }

  /**
   * The next records to send, at least one where there is any: as many as fit, in framed bytes.
   * The first may be larger than `bytesMax`.
   */
  takeUnsent(bytesMax: number, recordsMax: number): QueuedRecord[] {
    const taken: QueuedRecord[] = [];
    let bytes = 0;
    while (taken.length < recordsMax) {
      const record = this.#records[this.#unsent];
      if (record === undefined) break;
      bytes += framedBytes(record);
      if (bytes > bytesMax && taken.length > 0) break;
      taken.push(record);
      this.#unsent += 1;
      this.#unsentBytes -= record.heldBytes;
    }
    return taken;
  }

  /** No record may have a time before `timeUs`: what the journal holds already is later. */
  raiseTimes(timeUs: AgentRecord['timeUs']): void {
    for (let i = this.#head; i < this.#records.length; i++) {
      const record = this.#records[i]!;
      if (record.timeUs >= timeUs) break;
      this.#records[i] = { ...record, timeUs };
    }
  }

  #compact(): void {
    if (this.#head < COMPACT_MIN || this.#head < this.#records.length / 2) return;
    this.#records = this.#records.slice(this.#head);
    this.#unsent -= this.#head;
    this.#head = 0;
  }
}
