import type {
  ByteOffset,
  Epoch,
  GroupId,
  Lsn,
  RecordKind,
  RecordNumber,
  Seq,
  TimeUs,
  VolumeId,
} from '@retrace/core';
import { NO_CHECKSUMS } from '@retrace/core';
import { NO_POSITION_WORD, RECORD } from './chunk-layout.js';
import { type LogInput, type LogRecord, NO_POSITION } from './log-record.js';
import { u64At } from './words.js';

/**
 * The one class behind LogRecord, so that code over millions of them stays monomorphic. The list
 * of checksums is made when it is first asked for: a view into the chunk, no copy.
 */
export class StoredRecord implements LogRecord {
  readonly lsn: Lsn;
  readonly arrivalUs: TimeUs;
  readonly segment: number;
  readonly groupId: GroupId;
  readonly volumeId: VolumeId;
  readonly epoch: Epoch;
  readonly n: RecordNumber;
  readonly seq: Seq;
  readonly kind: RecordKind;
  readonly flags: number;
  readonly timeUs: TimeUs;
  readonly agentTimeUs: TimeUs;
  readonly offset: ByteOffset;
  readonly length: number;
  readonly position: number;
  readonly payloadBytes: number;
  declare readonly body?: Buffer;
  readonly #words: Uint32Array;
  readonly #checksumsAt: number;
  readonly #checksumCount: number;

  /**
   * @param words - the chunk
   * @param at - word of the record's header in it
   */
  constructor(words: Uint32Array, at: number, lsn: number, arrivalUs: number, segment: number) {
    const kindAndFlags = words[at + RECORD.kind]!;
    this.lsn = lsn as Lsn;
    this.arrivalUs = arrivalUs as TimeUs;
    this.segment = segment;
    this.groupId = words[at + RECORD.groupId] as GroupId;
    this.volumeId = words[at + RECORD.volumeId] as VolumeId;
    this.epoch = u64At(words, at + RECORD.epoch) as Epoch;
    this.n = u64At(words, at + RECORD.n) as RecordNumber;
    this.seq = u64At(words, at + RECORD.seq) as Seq;
    this.kind = (kindAndFlags & 0xff) as RecordKind;
    this.flags = (kindAndFlags >>> 8) & 0xff;
    this.timeUs = u64At(words, at + RECORD.timeUs) as TimeUs;
    this.agentTimeUs = u64At(words, at + RECORD.agentTimeUs) as TimeUs;
    this.offset = u64At(words, at + RECORD.offset) as ByteOffset;
    this.length = u64At(words, at + RECORD.length);
    this.position =
      words[at + RECORD.position + 1] === NO_POSITION_WORD
        ? NO_POSITION
        : u64At(words, at + RECORD.position);
    this.payloadBytes = words[at + RECORD.payloadBytes]!;
    this.#words = words;
    this.#checksumsAt = words[at + RECORD.inlineAt]! >>> 2;
    this.#checksumCount = words[at + RECORD.checksumCount]!;
    const bodyBytes = words[at + RECORD.bodyBytes]!;
    if (bodyBytes > 0) this.body = this.#copyBody(bodyBytes);
  }

  get checksums(): Uint32Array {
    if (this.#checksumCount === 0) return NO_CHECKSUMS;
    return this.#words.subarray(this.#checksumsAt, this.#checksumsAt + this.#checksumCount);
  }

  #copyBody(bytes: number): Buffer {
    const { buffer, byteOffset } = this.#words;
    const at = byteOffset + (this.#checksumsAt + this.#checksumCount) * 4;
    return Buffer.from(Buffer.from(buffer as ArrayBuffer, at, bytes));
  }
}

/** A stored record as it would be given to `append` again. */
export const toInput = (record: LogRecord, payload: Buffer): LogInput => ({
  groupId: record.groupId,
  volumeId: record.volumeId,
  epoch: record.epoch,
  n: record.n,
  seq: record.seq,
  kind: record.kind,
  flags: record.flags,
  timeUs: record.timeUs,
  agentTimeUs: record.agentTimeUs,
  offset: record.offset,
  length: record.length,
  checksums: record.checksums,
  payload: record.body ?? payload,
});
