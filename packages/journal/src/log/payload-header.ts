import { formatUuid, uuidBytes } from '../storage/uuid-bytes.js';
import { crc32cWords } from './crc32c-words.js';
import { setU64, u64At, wordsOf } from './words.js';

/** "RPF1". */
export const PAYLOAD_MAGIC = 0x3146_5052;
export const PAYLOAD_VERSION = 1;
export const PAYLOAD_HEADER_BYTES = 64;

const WORD = {
  magic: 0,
  version: 1,
  segment: 2,
  firstLsn: 4,
  firstCommit: 6,
  uuid: 8,
  crc: 15,
} as const;

/** The first bytes of a payload file (docs/formats/payload-file.md): whose it is. */
export interface PayloadHeader {
  readonly segment: number;
  readonly firstLsn: number;
  readonly firstCommit: number;
  readonly serverUuid: string;
}

export const encodePayloadHeader = (header: PayloadHeader): Buffer => {
  const bytes = Buffer.from(new ArrayBuffer(PAYLOAD_HEADER_BYTES));
  const words = wordsOf(bytes);
  words[WORD.magic] = PAYLOAD_MAGIC;
  words[WORD.version] = PAYLOAD_VERSION;
  words[WORD.segment] = header.segment;
  setU64(words, WORD.firstLsn, header.firstLsn);
  setU64(words, WORD.firstCommit, header.firstCommit);
  uuidBytes(header.serverUuid).copy(bytes, WORD.uuid * 4);
  words[WORD.crc] = crc32cWords(words, 0, WORD.crc);
  return bytes;
};

/** @returns why not, as a text, when these bytes are no intact header of this version */
export const decodePayloadHeader = (bytes: Buffer): PayloadHeader | string => {
  if (bytes.length < PAYLOAD_HEADER_BYTES) return `only ${bytes.length} bytes`;
  const words = wordsOf(bytes.subarray(0, PAYLOAD_HEADER_BYTES));
  if (words[WORD.magic] !== PAYLOAD_MAGIC) return 'not a payload file';
  if (words[WORD.crc] !== crc32cWords(words, 0, WORD.crc)) {
    return 'the checksum of the file header does not match';
  }
  const version = words[WORD.version]! & 0xffff;
  if (version !== PAYLOAD_VERSION) return `format version ${version} is unknown to this release`;
  return {
    segment: words[WORD.segment]!,
    firstLsn: u64At(words, WORD.firstLsn),
    firstCommit: u64At(words, WORD.firstCommit),
    serverUuid: formatUuid(bytes.subarray(WORD.uuid * 4, WORD.uuid * 4 + 16)),
  };
};
