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

interface RecordFields {
  readonly groupId: GroupId;
  /** 0 for a record of the group as a whole. */
  readonly volumeId: VolumeId;
  readonly epoch: Epoch;
  readonly n: RecordNumber;
  readonly seq: Seq;
  readonly kind: RecordKind;
  readonly flags: number;
  /** The record's time; not after the arrival by more than LIMITS.clockAheadUsMax. */
  readonly timeUs: TimeUs;
  /** What the agent's clock said; the same unless `timeUs` was clamped. */
  readonly agentTimeUs: TimeUs;
  readonly offset: ByteOffset;
  readonly length: number;
  /** CRC-32C of each block of the payload, or one of a body. */
  readonly checksums: Uint32Array;
}

/** A record as it is given to `Log.append`. The log keeps no reference once it is stored. */
export interface LogInput extends RecordFields {
  /** Not copied: must not change before the append resolves. A mark's or define's body. */
  readonly payload: Buffer;
}

/** A stored record, without its payload. */
export interface LogRecord extends RecordFields {
  readonly lsn: Lsn;
  /** The server's clock when its commit began; never decreasing with the lsn. */
  readonly arrivalUs: TimeUs;
  readonly segment: number;
  /** Byte of the payload in the segment's payload file, for `Log.readPayload`; -1 without. */
  readonly position: number;
  /** Bytes of the payload in the payload file; 0 without. */
  readonly payloadBytes: number;
  /** The body of a mark or define record: a buffer of its own. */
  readonly body?: Buffer;
}

/** Everything a group's agent did up to `timeUs` is stored up to `seq`. */
export interface StoredWatermark {
  readonly groupId: GroupId;
  readonly timeUs: TimeUs;
  readonly seq: Seq;
}

/** One commit: what became durable together. */
export interface CommitInfo {
  /** Dense from 1 over all segments. */
  readonly commit: number;
  readonly segment: number;
  /** Lsn of the first record; with `count` 0 that of the next record to come. */
  readonly firstLsn: Lsn;
  readonly count: number;
  readonly arrivalUs: TimeUs;
  /** Every lsn up to this one was durable before this commit began. */
  readonly provenLsn: Lsn;
  /** Watermarks that changed with this commit. */
  readonly watermarks: readonly StoredWatermark[];
}

/**
 * Told of every commit in lsn order: at start of those found, later of each as it becomes durable,
 * before the promises of its appends resolve. A commit of many records comes in several calls; the
 * watermarks are those of the commit and hold once its last record has come. The records' fields
 * may be kept, the records and their checksums should not: they hold on to larger buffers.
 */
export type OnRecords = (records: readonly LogRecord[], commit: CommitInfo) => void;

/**
 * Told at start before the records of a segment come, with how many there are: 0 when that is not
 * known yet.
 */
export type OnSegment = (segment: number, records: number) => void;

/** Bytes of the log's files that belong to no record. */
export const NO_POSITION = -1;
