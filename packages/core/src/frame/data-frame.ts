import { crc32c } from '../checksum/crc32c.js';
import { RetraceError } from '../errors/retrace-error.js';
import type { Epoch } from '../ids/brands.js';
import { LIMITS } from '../limits.js';
import { type AgentRecord, NO_CHECKSUMS, NO_PAYLOAD } from '../record/record.js';
import { readU64, writeU64 } from '../record/u64.js';
import {
  RECORD_HEADER_BYTES,
  type RecordHeader,
  readRecordHeader,
  writeRecordHeader,
} from './record-header.js';

/** "RTD1", the first four bytes of every data frame. */
export const DATA_FRAME_MAGIC = 0x3144_5452;
export const DATA_FRAME_VERSION = 1;
export const DATA_FRAME_HEADER_BYTES = 32;

/** Records of one epoch, with dense n. */
export interface DataFrame {
  readonly epoch: Epoch;
  readonly records: readonly AgentRecord[];
}

/** Bytes a record takes in a frame. */
export const framedBytes = (record: AgentRecord): number =>
  RECORD_HEADER_BYTES + record.checksums.length * 4 + record.payload.length;

/**
 * Encodes records as one message: frame header, record headers, checksum lists, payloads
 * (docs/formats/data-frame.md). The payloads are copied once, into the message.
 * @param allocate - where the message is made: a buffer of so many bytes, a fresh one by default
 */
export const encodeDataFrame = (
  epoch: Epoch,
  records: readonly AgentRecord[],
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow,
): Buffer => {
  let checksums = 0;
  let payloadBytes = 0;
  for (const record of records) {
    checksums += record.checksums.length;
    payloadBytes += record.payload.length;
  }
  const headersBytes = records.length * RECORD_HEADER_BYTES + checksums * 4;
  const payloadsAt = DATA_FRAME_HEADER_BYTES + headersBytes;
  const message = allocate(payloadsAt + payloadBytes);

  let headerAt = DATA_FRAME_HEADER_BYTES;
  let checksumAt = headerAt + records.length * RECORD_HEADER_BYTES;
  let payloadAt = payloadsAt;
  for (const record of records) {
    writeRecordHeader(message, headerAt, {
      kind: record.kind,
      flags: record.flags,
      volumeIndex: record.volumeIndex,
      checksumCount: record.checksums.length,
      n: record.n,
      timeUs: record.timeUs,
      offset: record.offset,
      length: record.length,
      payloadBytes: record.payload.length,
    });
    headerAt += RECORD_HEADER_BYTES;
    for (const sum of record.checksums) {
      message.writeUInt32LE(sum, checksumAt);
      checksumAt += 4;
    }
    record.payload.copy(message, payloadAt);
    payloadAt += record.payload.length;
  }

  message.writeUInt32LE(DATA_FRAME_MAGIC, 0);
  message.writeUInt16LE(DATA_FRAME_VERSION, 4);
  message.writeUInt16LE(0, 6);
  writeU64(message, epoch, 8);
  message.writeUInt32LE(records.length, 16);
  message.writeUInt32LE(headersBytes, 20);
  message.writeUInt32LE(payloadBytes, 24);
  message.writeUInt32LE(headersChecksum(message, headersBytes), 28);
  return message;
};

const headersChecksum = (message: Buffer, headersBytes: number): number =>
  crc32c(
    message.subarray(DATA_FRAME_HEADER_BYTES, DATA_FRAME_HEADER_BYTES + headersBytes),
    crc32c(message.subarray(0, 28)),
  );

/** True when a message starts like a data frame. */
export const isDataFrame = (message: Buffer): boolean =>
  message.length >= 4 && message.readUInt32LE(0) === DATA_FRAME_MAGIC;

/**
 * Decodes a message. The records' payloads are views into it, not copies; their checksums are not
 * yet compared with the bytes (`firstBadBlock` does that).
 * @throws RetraceError FRAME_INVALID, FRAME_TOO_LARGE, FRAME_CHECKSUM, RECORD_INVALID, RECORD_HOLE
 */
export const decodeDataFrame = (message: Buffer): DataFrame => {
  const { epoch, count, headersBytes } = checkFrameHeader(message);
  const checksumsEnd = DATA_FRAME_HEADER_BYTES + headersBytes;
  const records: AgentRecord[] = [];
  let checksumAt = DATA_FRAME_HEADER_BYTES + count * RECORD_HEADER_BYTES;
  let payloadAt = checksumsEnd;
  for (let i = 0; i < count; i++) {
    const header = readRecordHeader(message, DATA_FRAME_HEADER_BYTES + i * RECORD_HEADER_BYTES);
    const checksumsTo = checksumAt + header.checksumCount * 4;
    const payloadTo = payloadAt + header.payloadBytes;
    if (checksumsTo > checksumsEnd || payloadTo > message.length) {
      throw new RetraceError('FRAME_INVALID', `record ${header.n} reaches past its frame`);
    }
    const first = records[0];
    if (first !== undefined && header.n !== first.n + i) {
      throw new RetraceError('RECORD_HOLE', `record ${header.n} follows ${first.n + i - 1}`);
    }
    records.push(
      toRecord(
        header,
        readChecksums(message, checksumAt, header.checksumCount),
        header.payloadBytes === 0 ? NO_PAYLOAD : message.subarray(payloadAt, payloadTo),
      ),
    );
    checksumAt = checksumsTo;
    payloadAt = payloadTo;
  }
  if (checksumAt !== checksumsEnd || payloadAt !== message.length) {
    throw new RetraceError('FRAME_INVALID', 'the frame is longer than its records');
  }
  return { epoch, records };
};

const toRecord = (header: RecordHeader, checksums: Uint32Array, payload: Buffer): AgentRecord => ({
  kind: header.kind,
  flags: header.flags,
  volumeIndex: header.volumeIndex,
  n: header.n,
  timeUs: header.timeUs,
  offset: header.offset,
  length: header.length,
  checksums,
  payload,
});

const readChecksums = (message: Buffer, at: number, count: number): Uint32Array => {
  if (count === 0) return NO_CHECKSUMS;
  const sums = new Uint32Array(count);
  for (let i = 0; i < count; i++) sums[i] = message.readUInt32LE(at + i * 4);
  return sums;
};

const checkFrameHeader = (
  message: Buffer,
): { epoch: Epoch; count: number; headersBytes: number } => {
  if (message.length > LIMITS.frameBytesMax) {
    throw new RetraceError('FRAME_TOO_LARGE', `frame of ${message.length} bytes`);
  }
  if (message.length < DATA_FRAME_HEADER_BYTES || !isDataFrame(message)) {
    throw new RetraceError('FRAME_INVALID', 'not a data frame');
  }
  const version = message.readUInt16LE(4);
  if (version !== DATA_FRAME_VERSION) {
    throw new RetraceError('PROTOCOL_VERSION', `data frame version ${version} is unknown`);
  }
  const count = message.readUInt32LE(16);
  const headersBytes = message.readUInt32LE(20);
  const payloadBytes = message.readUInt32LE(24);
  if (count < 1 || count > LIMITS.frameRecordsMax) {
    throw new RetraceError('FRAME_INVALID', `frame of ${count} records`);
  }
  const expected = DATA_FRAME_HEADER_BYTES + headersBytes + payloadBytes;
  if (message.length !== expected || headersBytes < count * RECORD_HEADER_BYTES) {
    throw new RetraceError('FRAME_INVALID', 'the lengths of the frame do not add up');
  }
  if (message.readUInt32LE(28) !== headersChecksum(message, headersBytes)) {
    throw new RetraceError('FRAME_CHECKSUM', 'the headers of the frame are damaged');
  }
  return { epoch: readU64(message, 8) as Epoch, count, headersBytes };
};
