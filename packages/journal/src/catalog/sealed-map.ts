import { crc32c, decodeMap, encodeMap, MapReader, toRetraceError } from '@retrace/core';
import { VALUE_BYTES_MAX } from './limits.js';

const FORMAT_VERSION = 1;
/** u32 crc32c of the rest, u32 format version, then the map. */
export const ENVELOPE_BYTES = 8;

/** A msgpack map behind its checksum, as every value of the catalog is stored. */
export const sealMap = (map: object): Buffer => {
  const body = encodeMap(map);
  const bytes = Buffer.alloc(ENVELOPE_BYTES + body.length);
  bytes.writeUInt32LE(FORMAT_VERSION, 4);
  body.copy(bytes, ENVELOPE_BYTES);
  bytes.writeUInt32LE(crc32c(bytes.subarray(4)), 0);
  return bytes;
};

/** The checksum an envelope says it has. */
export const sealedCrc = (bytes: Buffer): number => bytes.readUInt32LE(0);

type SealedMap = Readonly<Record<string, unknown>>;

const unseal = (bytes: Buffer): SealedMap | string => {
  if (bytes.length < ENVELOPE_BYTES) return `only ${bytes.length} bytes`;
  if (sealedCrc(bytes) !== crc32c(bytes.subarray(4))) return 'the checksum does not match';
  const version = bytes.readUInt32LE(4);
  if (version !== FORMAT_VERSION) return `format version ${version} is unknown to this release`;
  return decodeMap(bytes.subarray(ENVELOPE_BYTES), 'catalog value', VALUE_BYTES_MAX);
};

/**
 * Reads a sealed map with what may throw turned into a text: a damage is a result here, not an
 * exception.
 * @returns what `read` makes of it; why not, as a text, when the bytes are damaged
 */
export const readSealed = <T extends object>(
  bytes: Buffer,
  read: (reader: MapReader, map: SealedMap) => T,
): T | string => {
  try {
    const map = unseal(bytes);
    return typeof map === 'string' ? map : read(new MapReader(map, 'catalog value'), map);
  } catch (error) {
    return toRetraceError(error).message;
  }
};
