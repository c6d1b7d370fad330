import { crc32c, isRecordKind } from '@retrace/core';
import {
  CHUNK,
  CHUNK_HEADER_BYTES,
  CHUNK_HEADER_WORDS,
  CHUNK_MAGIC,
  CHUNK_VERSION,
  RECORD,
  RECORD_BYTES,
  RECORD_WORDS,
  WATERMARK,
  WATERMARK_BYTES,
  WATERMARK_WORDS,
} from './chunk-layout.js';
import { crc32cWords } from './crc32c-words.js';
import type { StoredWatermark } from './log-record.js';
import { StoredRecord } from './stored-record.js';
import { u64At, wordsOf } from './words.js';

/** A chunk's header, checked. */
export interface ChunkHeader {
  readonly segment: number;
  readonly recordCount: number;
  readonly commit: number;
  readonly firstLsn: number;
  readonly commitFirstLsn: number;
  readonly commitRecords: number;
  readonly chunkIndex: number;
  readonly chunkCount: number;
  readonly arrivalUs: number;
  readonly provenLsn: number;
  readonly catalogChange: number;
  readonly blockPosition: number;
  readonly watermarkCount: number;
  readonly entryBytes: number;
  readonly payloadBytes: number;
  readonly bodyCrc: number;
}

/**
 * Reads a chunk's header from the first CHUNK_HEADER_BYTES.
 * @returns why not, as a text, when these are no intact header of this version
 */
export const decodeChunkHeader = (bytes: Buffer): ChunkHeader | string => {
  if (bytes.length < CHUNK_HEADER_BYTES) return `only ${bytes.length} bytes`;
  const words = wordsOf(bytes.subarray(0, CHUNK_HEADER_BYTES));
  if (words[CHUNK.magic] !== CHUNK_MAGIC) return 'no chunk begins here';
  if (words[CHUNK.headerCrc] !== crc32cWords(words, 0, CHUNK.headerCrc)) {
    return 'the checksum of the header does not match';
  }
  const version = words[CHUNK.version]! & 0xffff;
  if (version !== CHUNK_VERSION) return `format version ${version} is unknown to this release`;
  const part = words[CHUNK.chunkIndex]!;
  return {
    segment: words[CHUNK.segment]!,
    recordCount: words[CHUNK.recordCount]!,
    commit: u64At(words, CHUNK.commit),
    firstLsn: u64At(words, CHUNK.firstLsn),
    commitFirstLsn: u64At(words, CHUNK.commitFirstLsn),
    commitRecords: words[CHUNK.commitRecords]!,
    chunkIndex: part & 0xffff,
    chunkCount: part >>> 16,
    arrivalUs: u64At(words, CHUNK.arrivalUs),
    provenLsn: u64At(words, CHUNK.provenLsn),
    catalogChange: u64At(words, CHUNK.catalogChange),
    blockPosition: u64At(words, CHUNK.blockPosition),
    watermarkCount: words[CHUNK.watermarkCount]!,
    entryBytes: words[CHUNK.entryBytes]!,
    payloadBytes: words[CHUNK.payloadBytes]!,
    bodyCrc: words[CHUNK.bodyCrc]!,
  };
};

/** A chunk whose header is intact. */
export interface Chunk {
  readonly header: ChunkHeader;
  /** The intact records, in lsn order. */
  readonly records: readonly StoredRecord[];
  readonly watermarks: readonly StoredWatermark[];
  /** True when every byte is as it was written: then no record and no watermark is missing. */
  readonly whole: boolean;
}

/** Where what follows the header lies; undefined when the header's counts exceed the entry. */
const recordsEndOf = (header: ChunkHeader, entryBytes: number): number | undefined => {
  const end = CHUNK_HEADER_BYTES + header.recordCount * RECORD_BYTES;
  return end + header.watermarkCount * WATERMARK_BYTES <= entryBytes ? end : undefined;
};

/**
 * Decodes a chunk. One checksum covers it all; only where that one fails the records' own are
 * looked at, so that a damage stays confined to the record it hit.
 * @returns why not, as a text, when the header is damaged
 */
export const decodeChunk = (bytes: Buffer): Chunk | string => {
  const header = decodeChunkHeader(bytes);
  if (typeof header === 'string') return header;
  const whole =
    bytes.length === header.entryBytes &&
    header.bodyCrc === crc32c(bytes.subarray(CHUNK_HEADER_BYTES));
  const words = wordsOf(bytes.subarray(0, bytes.length & ~3));
  const recordsEnd = recordsEndOf(header, words.length * 4);
  if (recordsEnd === undefined) {
    return whole ? 'the counts of the header do not add up' : 'the chunk is cut off';
  }
  const records: StoredRecord[] = [];
  for (let i = 0; i < header.recordCount; i++) {
    const at = CHUNK_HEADER_WORDS + i * RECORD_WORDS;
    if (!whole && !isRecordIntact(words, bytes, at)) continue;
    const lsn = header.firstLsn + i;
    records.push(new StoredRecord(words, at, lsn, header.arrivalUs, header.segment));
  }
  const watermarks = readWatermarks(words, recordsEnd >>> 2, header.watermarkCount);
  return { header, records, watermarks, whole };
};

/** Checks one record's header, its list of checksums, and its body, each by its own checksum. */
const isRecordIntact = (words: Uint32Array, bytes: Buffer, at: number): boolean => {
  if (words[at + RECORD.crc] !== crc32cWords(words, at, at + RECORD.crc)) return false;
  if (!isRecordKind(words[at + RECORD.kind]! & 0xff)) return false;
  const inlineAt = words[at + RECORD.inlineAt]!;
  const bodyAt = inlineAt + words[at + RECORD.checksumCount]! * 4;
  const bodyEnd = bodyAt + words[at + RECORD.bodyBytes]!;
  if (bodyEnd > words.length * 4) return false;
  if (words[at + RECORD.digest] !== crc32cWords(words, inlineAt >>> 2, bodyAt >>> 2)) return false;
  return bodyEnd === bodyAt || words[inlineAt >>> 2] === crc32c(bytes.subarray(bodyAt, bodyEnd));
};

const readWatermarks = (words: Uint32Array, start: number, count: number): StoredWatermark[] => {
  const watermarks: StoredWatermark[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + i * WATERMARK_WORDS;
    if (words[at + WATERMARK.crc] !== crc32cWords(words, at, at + WATERMARK.crc)) continue;
    watermarks.push({
      groupId: words[at + WATERMARK.groupId] as StoredWatermark['groupId'],
      timeUs: u64At(words, at + WATERMARK.timeUs) as StoredWatermark['timeUs'],
      seq: u64At(words, at + WATERMARK.seq) as StoredWatermark['seq'],
    });
  }
  return watermarks;
};

/** Records of two damaged copies of one chunk, each taken from where it is intact. */
export const mergeCopies = (first: Chunk, second: Chunk): Chunk => {
  const byLsn = new Map(second.records.map((record) => [record.lsn, record]));
  for (const record of first.records) byLsn.set(record.lsn, record);
  const records = [...byLsn.values()].sort((a, b) => a.lsn - b.lsn);
  const watermarks =
    first.watermarks.length >= second.watermarks.length ? first.watermarks : second.watermarks;
  const complete = records.length === first.header.recordCount;
  return {
    header: first.header,
    records,
    watermarks,
    whole: complete && watermarks.length === first.header.watermarkCount,
  };
};
