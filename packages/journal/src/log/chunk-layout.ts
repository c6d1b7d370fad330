/**
 * The layout of a chunk (docs/formats/commit-entry.md), in 32-bit little-endian words: up to 1024
 * records of one commit. The same bytes are the value of a LevelDB entry and stand in the payload
 * file in front of the chunk's payloads, so that each copy can be checked by, and stand in for,
 * the other.
 */

/** "RLC1". */
export const CHUNK_MAGIC = 0x3143_4c52;
export const CHUNK_VERSION = 1;

/** Words of a chunk's header, by field. */
export const CHUNK = {
  magic: 0,
  /** u16 version, u16 flags (none yet). */
  version: 1,
  segment: 2,
  recordCount: 3,
  commit: 4,
  firstLsn: 6,
  commitFirstLsn: 8,
  commitRecords: 10,
  /** u16 index of this chunk in its commit, u16 chunks of the commit. */
  chunkIndex: 11,
  arrivalUs: 12,
  provenLsn: 14,
  catalogChange: 16,
  blockPosition: 18,
  watermarkCount: 20,
  entryBytes: 21,
  payloadBytes: 22,
  reserved: 23,
  bodyCrc: 24,
  headerCrc: 25,
} as const;

export const CHUNK_HEADER_WORDS = 26;
export const CHUNK_HEADER_BYTES = CHUNK_HEADER_WORDS * 4;

/** Words of a record's header, by field. */
export const RECORD = {
  /** u8 kind, u8 flags, u16 reserved. */
  kind: 0,
  groupId: 1,
  volumeId: 2,
  checksumCount: 3,
  epoch: 4,
  n: 6,
  seq: 8,
  timeUs: 10,
  agentTimeUs: 12,
  offset: 14,
  length: 16,
  position: 18,
  payloadBytes: 20,
  /** Bytes of a body, which stands in the entry behind the checksums. */
  bodyBytes: 21,
  /** Byte of the checksums in the entry. */
  inlineAt: 22,
  /** CRC-32C over the checksums' bytes: binds the payload without touching it. */
  digest: 23,
  /** u32 key id, 12 bytes nonce: for encryption at rest, zero until then. */
  keyId: 24,
  crc: 28,
} as const;

export const RECORD_WORDS = 29;
export const RECORD_BYTES = RECORD_WORDS * 4;

/** Words of a watermark, by field. */
export const WATERMARK = { groupId: 0, reserved: 1, timeUs: 2, seq: 4, reserved2: 6, crc: 7 };
export const WATERMARK_WORDS = 8;
export const WATERMARK_BYTES = WATERMARK_WORDS * 4;

/** A u64 of all ones: the record has no payload in the payload file. */
export const NO_POSITION_WORD = 0xffff_ffff;

/** Bytes of an entry's key: u64 lsn of the first record, u64 commit, both big-endian. */
export const KEY_BYTES = 16;
