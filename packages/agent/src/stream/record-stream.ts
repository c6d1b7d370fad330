import {
  type ByteOffset,
  blockChecksums,
  type Clock,
  type ClockStep,
  type Definition,
  encodeDefinition,
  encodeMark,
  GROUP_VOLUME_INDEX,
  LIMITS,
  type Mark,
  MonotoneClock,
  NO_CHECKSUMS,
  NO_PAYLOAD,
  RECORD_KIND,
  type RecordKind,
  type RecordNumber,
  type StreamPosition,
  type TimeUs,
} from '@retrace/core';
import { RECORD_OVERHEAD_BYTES, type RecordQueue } from '../queue/record-queue.js';
import { RetainedBytes } from '../queue/retained-bytes.js';

/** What is told of the stream, always synchronously. */
export interface RecordStreamListener {
  /** A record was queued. */
  queued(): void;
}

/**
 * Numbers and times what all volumes of the group do, from one counter, and queues it. While it is
 * not recording, everything is forgotten: every method answers 0 then.
 */
export class RecordStream {
  readonly queue: RecordQueue;
  listener: RecordStreamListener | undefined;
  readonly #wall: Clock;
  #clock: MonotoneClock;
  #step: ClockStep | undefined;
  /** By volume index: the slices of one volume's connection come one after another. */
  readonly #retained = new Map<number, RetainedBytes>();
  #recording = false;
  #epoch = 0;
  #lastN = 0;
  #sentN = 0;
  #lastTimeUs = 0 as TimeUs;
  #ackedN = 0;

  /** @param startUs - no record has an earlier time */
  constructor(queue: RecordQueue, wall: Clock, startUs: TimeUs) {
    this.queue = queue;
    this.#wall = wall;
    this.#clock = new MonotoneClock(wall, startUs);
  }

  get recording(): boolean {
    return this.#recording;
  }

  /** The running epoch; the last one while not recording. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The last record given a number. */
  get position(): StreamPosition {
    return { epoch: this.#epoch, n: this.#lastN };
  }

  /** Time of the last record. */
  get lastTimeUs(): TimeUs {
    return this.#lastTimeUs;
  }

  /** Highest n handed to any connection in this epoch. */
  get sentN(): number {
    return this.#sentN;
  }

  /** Highest n acknowledged in this epoch. */
  get ackedN(): number {
    return this.#ackedN;
  }

  /** Begins an epoch, whose number must be on stable storage already. */
  begin(epoch: number): void {
    this.queue.clear();
    this.#epoch = epoch;
    this.#lastN = 0;
    this.#sentN = 0;
    this.#ackedN = 0;
    this.#step = undefined;
    this.#recording = true;
  }

  /** Forgets what is not acknowledged, and records nothing more. */
  stop(): void {
    this.#recording = false;
    this.queue.clear();
    this.#retained.clear();
  }

  /** Time as records carry it: never decreasing. */
  nowUs(): TimeUs {
    const timeUs = this.#clock.nowUs();
    const step = this.#clock.stepped;
    if (step !== this.#step) this.#noteStep(step, timeUs);
    return timeUs;
  }

  /** The journal holds records as late as this: none comes before. */
  raiseTime(timeUs: TimeUs): void {
    if (this.#clock.nowUs() < timeUs) this.#clock = new MonotoneClock(this.#wall, timeUs);
    this.queue.raiseTimes(timeUs);
  }

  /**
   * Records whole blocks. `payload` is the stream's from now on: it is kept without a copy, and
   * given back to the pool it came from when nobody needs it any more.
   */
  write(volumeIndex: number, flags: number, offset: number, payload: Buffer): number {
    if (!this.#recording) {
      this.queue.payloads.give(payload);
      return 0;
    }
    const heldBytes = this.#heldBytesOf(volumeIndex, payload);
    const sums = blockChecksums(payload, LIMITS.blockBytesDefault);
    const { length } = payload;
    const kind = RECORD_KIND.write;
    return this.#push(kind, flags, volumeIndex, offset, length, payload, sums, heldBytes);
  }

  /** Records a range that reads as zeros from now on. */
  range(kind: RecordKind, volumeIndex: number, flags: number, offset: number, length: number) {
    if (!this.#recording) return 0;
    return this.#push(kind, flags, volumeIndex, offset, length, NO_PAYLOAD, NO_CHECKSUMS, 0);
  }

  flush(volumeIndex: number): number {
    return this.range(RECORD_KIND.flush, volumeIndex, 0, 0, 0);
  }

  mark(volumeIndex: number, mark: Mark): number {
    return this.#body(RECORD_KIND.mark, volumeIndex, encodeMark(mark));
  }

  define(volumeIndex: number, definition: Definition): number {
    return this.#body(RECORD_KIND.define, volumeIndex, encodeDefinition(definition));
  }

  /** Records up to `n` have been handed to a connection. */
  sent(n: number): void {
    if (n > this.#sentN) this.#sentN = n;
  }

  /**
   * The journal has stored everything up to `n` of this epoch.
   * @returns false for what was never sent: the acknowledgement is not to be believed
   */
  acknowledge(n: number): boolean {
    if (n > this.#sentN) return false;
    if (n > this.#ackedN) {
      this.#ackedN = n;
      this.queue.dropThrough(n);
    }
    return true;
  }

  /** Memory that keeping `payload` costs. */
  #heldBytesOf(volumeIndex: number, payload: Buffer): number {
    if (this.queue.payloads.hasLent(payload)) return payload.buffer.byteLength;
    return this.#retainedOf(volumeIndex).of(payload);
  }

  #retainedOf(volumeIndex: number): RetainedBytes {
    const known = this.#retained.get(volumeIndex);
    if (known !== undefined) return known;
    const retained = new RetainedBytes();
    this.#retained.set(volumeIndex, retained);
    return retained;
  }

  #body(kind: RecordKind, volumeIndex: number, body: Buffer): number {
    if (!this.#recording) return 0;
    const sums = blockChecksums(body, Math.max(1, body.length));
    return this.#push(kind, 0, volumeIndex, 0, body.length, body, sums, body.length);
  }

  #noteStep(step: ClockStep | undefined, timeUs: TimeUs): void {
    this.#step = step;
    if (step === undefined || !this.#recording) return;
    const mark: Mark = { mark: 'clock-step', heldAtUs: step.heldAtUs, wallUs: step.wallUs };
    const body = encodeMark(mark);
    const sums = blockChecksums(body, body.length);
    this.#lastN += 1;
    this.#queue(RECORD_KIND.mark, 0, GROUP_VOLUME_INDEX, timeUs, 0, body.length, body, sums, 0);
  }

  #push(
    kind: RecordKind,
    flags: number,
    volumeIndex: number,
    offset: number,
    length: number,
    payload: Buffer,
    checksums: Uint32Array,
    heldBytes: number,
  ): number {
    const timeUs = this.nowUs();
    this.#lastN += 1;
    this.#queue(kind, flags, volumeIndex, timeUs, offset, length, payload, checksums, heldBytes);
    return this.#lastN;
  }

  #queue(
    kind: RecordKind,
    flags: number,
    volumeIndex: number,
    timeUs: TimeUs,
    offset: number,
    length: number,
    payload: Buffer,
    checksums: Uint32Array,
    heldBytes: number,
  ): void {
    this.#lastTimeUs = timeUs;
    this.queue.push({
      kind,
      flags,
      volumeIndex,
      n: this.#lastN as RecordNumber,
      timeUs,
      offset: offset as ByteOffset,
      length,
      checksums,
      payload,
      heldBytes: heldBytes + RECORD_OVERHEAD_BYTES,
    });
    this.listener?.queued();
  }
}
