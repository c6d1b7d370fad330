import { crc32c } from '@retrace/core';
import { compress, decompress } from '../codec/codec.js';
import { ColumnsReader, type ColumnsWriter } from './columns.js';
import { corrupt } from './corrupt.js';

/** What a part is. The numbers are those of the files: never change one. */
export const PART = {
  rowPage: 1,
  regionPage: 2,
  recordPage: 3,
  rowDirectory: 4,
  regionDirectory: 5,
  recordDirectory: 6,
  activity: 7,
} as const;
export type PartKind = (typeof PART)[keyof typeof PART];

/** "RLP1". */
const MAGIC = 0x3150_4c52;
export const PART_HEADER_BYTES = 16;

/** Where a part lies, and the crc32c of all its stored bytes. */
export interface PartRef {
  readonly position: number;
  readonly bytes: number;
  readonly crc: number;
}

/**
 * A part as it is stored: its header, its columns compressed together, and a tail that is not.
 * @param level - of the compression; 0: none
 */
export const encodePart = (
  kind: PartKind,
  columns: ColumnsWriter,
  level: number,
  tail: Buffer = NO_TAIL,
): readonly Buffer[] => {
  const plain = columns.encode();
  const { codec, bytes } = compress(plain, { level });
  const header = Buffer.alloc(PART_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt8(kind, 4);
  header.writeUInt8(codec, 5);
  header.writeUInt32LE(bytes.length, 8);
  header.writeUInt32LE(plain.length, 12);
  return tail.length === 0 ? [header, bytes] : [header, bytes, tail];
};

const NO_TAIL = Buffer.alloc(0);

export interface DecodedPart {
  readonly columns: ColumnsReader;
  readonly tail: Buffer;
}

/**
 * Checks and decodes the stored bytes of a part.
 * @param crc - what its directory says
 * @throws RetraceError CORRUPTION; STORAGE_FAILED where the codec is missing
 */
export const decodePart = (
  kind: PartKind,
  stored: Buffer,
  crc: number,
  options: { readonly plainBytesMax: number; readonly place: string },
): DecodedPart => {
  const { place } = options;
  if (crc32c(stored) !== crc) throw corrupt(place, 'the checksum does not match');
  if (stored.length < PART_HEADER_BYTES || stored.readUInt32LE(0) !== MAGIC) {
    throw corrupt(place, 'no part of a layer');
  }
  if (stored.readUInt8(4) !== kind) {
    throw corrupt(place, `a part of kind ${stored.readUInt8(4)}, not ${kind}`);
  }
  const end = PART_HEADER_BYTES + stored.readUInt32LE(8);
  if (end > stored.length) throw corrupt(place, 'its columns are cut off');
  const packed = stored.subarray(PART_HEADER_BYTES, end);
  const plain = decompress(stored.readUInt8(5), packed, stored.readUInt32LE(12), options);
  return { columns: new ColumnsReader(plain, place), tail: stored.subarray(end) };
};
