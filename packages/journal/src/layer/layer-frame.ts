import { crc32c, readU64, toRetraceError, writeU64 } from '@retrace/core';
import { formatUuid, uuidBytes } from '../storage/uuid-bytes.js';

/** The two fixed ends of a layer file (docs/formats/layer.md). */

/** "RLY1". */
const HEADER_MAGIC = 0x3159_4c52;
/** "RLF1". */
const FOOTER_MAGIC = 0x3146_4c52;
const VERSION = 1;
export const LAYER_HEADER_BYTES = 64;
export const LAYER_FOOTER_BYTES = 128;
const HEADER_CRC_AT = 60;
const FOOTER_CRC_AT = 124;
const SHA_AT = 48;
const SHA_BYTES = 32;

export interface LayerHeader {
  readonly layer: number;
  readonly serverUuid: string;
}

/** Where the directory lies, and the digest of everything before the footer. */
export interface LayerFooter {
  readonly layer: number;
  readonly fileBytes: number;
  readonly directory: StoredDirectory;
  /** SHA-256, 32 bytes. */
  readonly sha256: Buffer;
}

export interface StoredDirectory {
  readonly position: number;
  readonly bytes: number;
  readonly plainBytes: number;
  readonly codec: number;
  readonly crc: number;
}

const seal = (bytes: Buffer, crcAt: number): Buffer => {
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
};

/** @returns why not, as a text, when these are not the intact bytes of such a part */
const unseal = (bytes: Buffer, magic: number, length: number, what: string): string | undefined => {
  if (bytes.length !== length) return `only ${bytes.length} bytes of the ${what}`;
  if (bytes.readUInt32LE(0) !== magic) return `no ${what} of a layer`;
  if (bytes.readUInt32LE(length - 4) !== crc32c(bytes.subarray(0, length - 4))) {
    return `the checksum of the ${what} does not match`;
  }
  const version = bytes.readUInt16LE(4);
  return version === VERSION ? undefined : `format version ${version} is unknown to this release`;
};

export const encodeLayerHeader = ({ layer, serverUuid }: LayerHeader): Buffer => {
  const bytes = Buffer.alloc(LAYER_HEADER_BYTES);
  bytes.writeUInt32LE(HEADER_MAGIC, 0);
  bytes.writeUInt16LE(VERSION, 4);
  writeU64(bytes, layer, 8);
  uuidBytes(serverUuid).copy(bytes, 16);
  return seal(bytes, HEADER_CRC_AT);
};

/** @returns why not, as a text, when the bytes are damaged */
export const decodeLayerHeader = (bytes: Buffer): LayerHeader | string =>
  unseal(bytes, HEADER_MAGIC, LAYER_HEADER_BYTES, 'header') ??
  fields(() => ({
    layer: readU64(bytes, 8),
    serverUuid: formatUuid(bytes.subarray(16, 32)),
  }));

export const encodeLayerFooter = (footer: LayerFooter): Buffer => {
  const { layer, fileBytes, directory, sha256 } = footer;
  const bytes = Buffer.alloc(LAYER_FOOTER_BYTES);
  bytes.writeUInt32LE(FOOTER_MAGIC, 0);
  bytes.writeUInt16LE(VERSION, 4);
  bytes.writeUInt8(directory.codec, 6);
  writeU64(bytes, layer, 8);
  writeU64(bytes, fileBytes, 16);
  writeU64(bytes, directory.position, 24);
  bytes.writeUInt32LE(directory.bytes, 32);
  bytes.writeUInt32LE(directory.plainBytes, 36);
  bytes.writeUInt32LE(directory.crc, 40);
  sha256.copy(bytes, SHA_AT);
  return seal(bytes, FOOTER_CRC_AT);
};

/** @returns why not, as a text, when the bytes are damaged */
export const decodeLayerFooter = (bytes: Buffer): LayerFooter | string =>
  unseal(bytes, FOOTER_MAGIC, LAYER_FOOTER_BYTES, 'footer') ??
  fields(() => ({
    layer: readU64(bytes, 8),
    fileBytes: readU64(bytes, 16),
    directory: {
      position: readU64(bytes, 24),
      bytes: bytes.readUInt32LE(32),
      plainBytes: bytes.readUInt32LE(36),
      codec: bytes.readUInt8(6),
      crc: bytes.readUInt32LE(40),
    },
    sha256: Buffer.from(bytes.subarray(SHA_AT, SHA_AT + SHA_BYTES)),
  }));

/** An integer over 2^53 throws: a damage is a result here, not an exception. */
const fields = <T>(read: () => T): T | string => {
  try {
    return read();
  } catch (error) {
    return toRetraceError(error).message;
  }
};
