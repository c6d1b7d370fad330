import { assert, crc32c, hasBody } from '@retrace/core';
import {
  CHUNK,
  CHUNK_HEADER_BYTES,
  CHUNK_HEADER_WORDS,
  CHUNK_MAGIC,
  CHUNK_VERSION,
  NO_POSITION_WORD,
  RECORD,
  RECORD_BYTES,
  RECORD_WORDS,
  WATERMARK,
  WATERMARK_BYTES,
  WATERMARK_WORDS,
} from './chunk-layout.js';
import { type ChunkPlan, paddedBytes } from './chunk-plan.js';
import { crc32cWords } from './crc32c-words.js';
import type { CommitInfo, LogInput, StoredWatermark } from './log-record.js';
import { setU64 } from './words.js';

/** What a chunk's header says beside what its records give. */
export interface ChunkContext {
  readonly commit: CommitInfo;
  readonly chunkIndex: number;
  readonly chunkCount: number;
  readonly firstLsn: number;
  readonly catalogChange: number;
  /** Byte of the payload file where the chunk will stand. */
  readonly blockPosition: number;
}

export interface EncodedChunk {
  /** Value of the LevelDB entry, and head of the block in the payload file. */
  readonly entry: Buffer;
  readonly words: Uint32Array;
  /** The payloads in order, those side by side in memory as one. */
  readonly payloads: readonly Buffer[];
  /** Bytes of the block: entry and payloads. */
  readonly blockBytes: number;
}

/** Encodes a run of a commit's inputs. */
export const encodeChunk = (
  context: ChunkContext,
  inputs: readonly LogInput[],
  { from, to, inlineBytes, payloadBytes }: ChunkPlan,
): EncodedChunk => {
  const last = context.chunkIndex === context.chunkCount - 1;
  const watermarks = last ? context.commit.watermarks : [];
  const recordsEnd = CHUNK_HEADER_BYTES + (to - from) * RECORD_BYTES;
  const inlineStart = recordsEnd + watermarks.length * WATERMARK_BYTES;
  const entryBytes = inlineStart + inlineBytes;
  const entry = Buffer.from(new ArrayBuffer(entryBytes));
  const words = new Uint32Array(entry.buffer);
  const payloads: Buffer[] = [];

  let inlineAt = inlineStart;
  let position = context.blockPosition + entryBytes;
  for (let i = from; i < to; i++) {
    const input = inputs[i]!;
    const at = CHUNK_HEADER_WORDS + (i - from) * RECORD_WORDS;
    const body = hasBody(input.kind);
    const stored = body ? 0 : input.payload.length;
    writeRecord(words, at, input, inlineAt, stored === 0 ? -1 : position);
    inlineAt += input.checksums.length * 4;
    if (body) {
      input.payload.copy(entry, inlineAt);
      inlineAt += paddedBytes(input.payload.length);
    } else if (stored > 0) {
      addPayload(payloads, input.payload);
      position += stored;
    }
  }
  assert(inlineAt === entryBytes, 'the inline bytes are those planned');
  writeWatermarks(words, recordsEnd >>> 2, watermarks);
  writeHeader(words, context, to - from, watermarks.length, payloadBytes);
  words[CHUNK.bodyCrc] = crc32c(entry.subarray(CHUNK_HEADER_BYTES));
  words[CHUNK.headerCrc] = crc32cWords(words, 0, CHUNK.headerCrc);
  return { entry, words, payloads, blockBytes: entryBytes + payloadBytes };
};

const writeRecord = (
  words: Uint32Array,
  at: number,
  input: LogInput,
  inlineAt: number,
  position: number,
): void => {
  const { checksums } = input;
  words[at + RECORD.kind] = input.kind | (input.flags << 8);
  words[at + RECORD.groupId] = input.groupId;
  words[at + RECORD.volumeId] = input.volumeId;
  words[at + RECORD.checksumCount] = checksums.length;
  setU64(words, at + RECORD.epoch, input.epoch);
  setU64(words, at + RECORD.n, input.n);
  setU64(words, at + RECORD.seq, input.seq);
  setU64(words, at + RECORD.timeUs, input.timeUs);
  setU64(words, at + RECORD.agentTimeUs, input.agentTimeUs);
  setU64(words, at + RECORD.offset, input.offset);
  setU64(words, at + RECORD.length, input.length);
  if (position < 0) {
    words[at + RECORD.position] = NO_POSITION_WORD;
    words[at + RECORD.position + 1] = NO_POSITION_WORD;
    words[at + RECORD.bodyBytes] = hasBody(input.kind) ? input.payload.length : 0;
  } else {
    setU64(words, at + RECORD.position, position);
    words[at + RECORD.payloadBytes] = input.payload.length;
  }
  words[at + RECORD.inlineAt] = inlineAt;
  const listAt = inlineAt >>> 2;
  if (checksums.length === 1) words[listAt] = checksums[0]!;
  else if (checksums.length > 1) words.set(checksums, listAt);
  words[at + RECORD.digest] = crc32cWords(words, listAt, listAt + checksums.length);
  words[at + RECORD.crc] = crc32cWords(words, at, at + RECORD.crc);
};

/** Payloads that came in one message lie side by side: one buffer for `writev`, not hundreds. */
const addPayload = (payloads: Buffer[], payload: Buffer): void => {
  const before = payloads[payloads.length - 1];
  if (
    before !== undefined &&
    before.buffer === payload.buffer &&
    before.byteOffset + before.length === payload.byteOffset
  ) {
    const bytes = before.length + payload.length;
    payloads[payloads.length - 1] = Buffer.from(
      before.buffer as ArrayBuffer,
      before.byteOffset,
      bytes,
    );
  } else {
    payloads.push(payload);
  }
};

const writeWatermarks = (
  words: Uint32Array,
  start: number,
  watermarks: readonly StoredWatermark[],
): void => {
  let at = start;
  for (const { groupId, timeUs, seq } of watermarks) {
    words[at + WATERMARK.groupId] = groupId;
    setU64(words, at + WATERMARK.timeUs, timeUs);
    setU64(words, at + WATERMARK.seq, seq);
    words[at + WATERMARK.crc] = crc32cWords(words, at, at + WATERMARK.crc);
    at += WATERMARK_WORDS;
  }
};

const writeHeader = (
  words: Uint32Array,
  context: ChunkContext,
  recordCount: number,
  watermarkCount: number,
  payloadBytes: number,
): void => {
  const { commit } = context;
  words[CHUNK.magic] = CHUNK_MAGIC;
  words[CHUNK.version] = CHUNK_VERSION;
  words[CHUNK.segment] = commit.segment;
  words[CHUNK.recordCount] = recordCount;
  setU64(words, CHUNK.commit, commit.commit);
  setU64(words, CHUNK.firstLsn, context.firstLsn);
  setU64(words, CHUNK.commitFirstLsn, commit.firstLsn);
  words[CHUNK.commitRecords] = commit.count;
  words[CHUNK.chunkIndex] = context.chunkIndex | (context.chunkCount << 16);
  setU64(words, CHUNK.arrivalUs, commit.arrivalUs);
  setU64(words, CHUNK.provenLsn, commit.provenLsn);
  setU64(words, CHUNK.catalogChange, context.catalogChange);
  setU64(words, CHUNK.blockPosition, context.blockPosition);
  words[CHUNK.watermarkCount] = watermarkCount;
  words[CHUNK.entryBytes] = words.length * 4;
  words[CHUNK.payloadBytes] = payloadBytes;
};
