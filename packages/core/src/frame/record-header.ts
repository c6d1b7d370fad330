import { RetraceError } from '../errors/retrace-error.js';
import type { ByteOffset, RecordNumber, TimeUs } from '../ids/brands.js';
import { isRecordKind, RECORD_FLAGS_KNOWN, type RecordKind } from '../record/kinds.js';
import { readU64, writeU64 } from '../record/u64.js';

/** Bytes of one record header in a data frame (docs/formats/data-frame.md has the table). */
export const RECORD_HEADER_BYTES = 64;

/** A record header's fields, as they stand in a data frame. */
export interface RecordHeader {
  readonly kind: RecordKind;
  readonly flags: number;
  readonly volumeIndex: number;
  readonly checksumCount: number;
  readonly n: RecordNumber;
  readonly timeUs: TimeUs;
  readonly offset: ByteOffset;
  readonly length: number;
  readonly payloadBytes: number;
}

/** Writes a header at `at`; the bytes kept for encryption (key id, nonce) are zero. */
export const writeRecordHeader = (target: Buffer, at: number, header: RecordHeader): void => {
  target[at] = header.kind;
  target[at + 1] = header.flags;
  target.writeUInt16LE(header.volumeIndex, at + 2);
  target.writeUInt32LE(header.checksumCount, at + 4);
  writeU64(target, header.n, at + 8);
  writeU64(target, header.timeUs, at + 16);
  writeU64(target, header.offset, at + 24);
  writeU64(target, header.length, at + 32);
  target.writeUInt32LE(header.payloadBytes, at + 40);
  target.fill(0, at + 44, at + RECORD_HEADER_BYTES);
};

/** @throws RetraceError RECORD_INVALID for a kind or flag this version does not know */
export const readRecordHeader = (source: Buffer, at: number): RecordHeader => {
  const kind = source[at]!;
  const flags = source[at + 1]!;
  if (!isRecordKind(kind)) {
    throw new RetraceError('RECORD_INVALID', `record kind ${kind} is unknown to this version`);
  }
  if ((flags & ~RECORD_FLAGS_KNOWN) !== 0) {
    throw new RetraceError('RECORD_INVALID', `record flags ${flags} are unknown to this version`);
  }
  return {
    kind,
    flags,
    volumeIndex: source.readUInt16LE(at + 2),
    checksumCount: source.readUInt32LE(at + 4),
    n: readU64(source, at + 8) as RecordNumber,
    timeUs: readU64(source, at + 16) as TimeUs,
    offset: readU64(source, at + 24) as ByteOffset,
    length: readU64(source, at + 32),
    payloadBytes: source.readUInt32LE(at + 40),
  };
};
