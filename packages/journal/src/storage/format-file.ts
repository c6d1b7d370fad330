import { crc32c, readU64, writeU64 } from '@retrace/core';
import { formatUuid, uuidBytes } from './uuid-bytes.js';

/** Name of the file that says whose a data directory is, and of what version. */
export const FORMAT_FILE = 'format';
/** Under this name it is written, then renamed. */
export const FORMAT_FILE_NEW = 'format.new';

/** Newest version of a data directory this release can use. */
export const DATA_DIR_VERSION = 2;

const MAGIC = Buffer.from('RETRACE\n', 'latin1');
const COPY_BYTES = 64;
const SECOND_COPY_AT = 512;
const CRC_AT = 60;
export const FORMAT_FILE_BYTES = SECOND_COPY_AT + COPY_BYTES;

export interface FormatFile {
  readonly version: number;
  readonly serverUuid: string;
  readonly createdUs: number;
}

/** Two copies, a sector apart: a damage to one of them costs nothing. */
export const encodeFormatFile = ({ version, serverUuid, createdUs }: FormatFile): Buffer => {
  const bytes = Buffer.alloc(FORMAT_FILE_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(version, 8);
  uuidBytes(serverUuid).copy(bytes, 16);
  writeU64(bytes, createdUs, 32);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, CRC_AT)), CRC_AT);
  bytes.copy(bytes, SECOND_COPY_AT, 0, COPY_BYTES);
  return bytes;
};

const decodeCopy = (bytes: Buffer): FormatFile | string => {
  if (bytes.length < COPY_BYTES) return `only ${bytes.length} bytes`;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'not a format file of Retrace';
  if (bytes.readUInt32LE(CRC_AT) !== crc32c(bytes.subarray(0, CRC_AT))) {
    return 'the checksum does not match';
  }
  return {
    version: bytes.readUInt32LE(8),
    serverUuid: formatUuid(bytes.subarray(16, 32)),
    createdUs: readU64(bytes, 32),
  };
};

export interface DecodedFormatFile {
  /** Undefined when both copies are damaged. */
  readonly format: FormatFile | undefined;
  /** What is wrong with either copy, as texts. */
  readonly problems: readonly string[];
}

export const decodeFormatFile = (bytes: Buffer): DecodedFormatFile => {
  const first = decodeCopy(bytes.subarray(0, COPY_BYTES));
  const second = decodeCopy(bytes.subarray(SECOND_COPY_AT));
  const problems: string[] = [];
  if (typeof first === 'string') problems.push(`first copy (byte 0): ${first}`);
  if (typeof second === 'string') problems.push(`second copy (byte ${SECOND_COPY_AT}): ${second}`);
  const format = typeof first === 'string' ? second : first;
  return { format: typeof format === 'string' ? undefined : format, problems };
};
