import { createHash } from 'node:crypto';
import { crc32c, decodeMap, encodeMap, isCount, MapReader, toRetraceError } from '@retrace/core';

/** A small map of a catalog entry; the values are what msgpack carries. */
export type CatalogMap = Readonly<Record<string, unknown>>;

/** A version of an entry: what it says from a change on; `value` undefined: removed. */
export interface VersionRecord {
  readonly change: number;
  readonly value: CatalogMap | undefined;
}

/** Names a version that a change wrote, with the checksum its value must have. */
export interface VersionRef {
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly crc: number;
}

/** One link of the chain: a change with all it wrote, and the change before it. */
export interface ChangeRecord {
  readonly number: number;
  /** Number of the change before; one less, unless changes had been lost. 0 for the first. */
  readonly previous: number;
  /** SHA-256 of the stored bytes of the change before; empty for the first. */
  readonly previousDigest: Buffer;
  readonly versions: readonly VersionRef[];
}

const FORMAT_VERSION = 1;
/** u32 crc32c of the rest, u32 format version, then the map. */
export const ENVELOPE_BYTES = 8;
/** Largest stored value: a change names all it wrote. */
const VALUE_BYTES_MAX = 4 * 1024 * 1024;
const VERSIONS_PER_CHANGE_MAX = 4096;

const seal = (map: object): Buffer => {
  const body = encodeMap(map);
  const bytes = Buffer.alloc(ENVELOPE_BYTES + body.length);
  bytes.writeUInt32LE(FORMAT_VERSION, 4);
  body.copy(bytes, ENVELOPE_BYTES);
  bytes.writeUInt32LE(crc32c(bytes.subarray(4)), 0);
  return bytes;
};

const unseal = (bytes: Buffer): MapReader | string => {
  if (bytes.length < ENVELOPE_BYTES) return `only ${bytes.length} bytes`;
  if (bytes.readUInt32LE(0) !== crc32c(bytes.subarray(4))) return 'the checksum does not match';
  const version = bytes.readUInt32LE(4);
  if (version !== FORMAT_VERSION) return `format version ${version} is unknown to this release`;
  const map = decodeMap(bytes.subarray(ENVELOPE_BYTES), 'catalog value', VALUE_BYTES_MAX);
  return new MapReader(map, 'catalog value');
};

/** Decodes with what may throw turned into a text: a damage is a result here, not an exception. */
const decoded = <T>(bytes: Buffer, read: (reader: MapReader) => T): T | string => {
  try {
    const reader = unseal(bytes);
    return typeof reader === 'string' ? reader : read(reader);
  } catch (error) {
    return toRetraceError(error).message;
  }
};

/** The checksum an envelope says it has. */
export const sealedCrc = (bytes: Buffer): number => bytes.readUInt32LE(0);

export const digestOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

export const encodeVersion = ({ change, value }: VersionRecord): Buffer =>
  seal(value === undefined ? { change, removed: true } : { change, value });

/** @returns why not, as a text, when the bytes are damaged */
export const decodeVersion = (bytes: Buffer): VersionRecord | string =>
  decoded(bytes, (reader) => ({
    change: reader.count('change'),
    value: reader.has('removed') ? undefined : mapField(bytes),
  }));

const mapField = (bytes: Buffer): CatalogMap => {
  const map = decodeMap(bytes.subarray(ENVELOPE_BYTES), 'catalog value', VALUE_BYTES_MAX);
  return map.value as CatalogMap;
};

export const encodeChange = (change: ChangeRecord): Buffer =>
  seal({
    number: change.number,
    previous: change.previous,
    previousDigest: change.previousDigest.toString('hex'),
    versions: change.versions.map(({ kind, id, version, crc }) => ({ kind, id, version, crc })),
  });

/** @returns why not, as a text, when the bytes are damaged */
export const decodeChange = (bytes: Buffer): ChangeRecord | string =>
  decoded(bytes, (reader) => ({
    number: reader.count('number'),
    previous: reader.count('previous'),
    previousDigest: Buffer.from(reader.text('previousDigest', 64), 'hex'),
    versions: reader.list('versions', VERSIONS_PER_CHANGE_MAX).map((_, index) => {
      const item = reader.item('versions', index);
      return {
        kind: item.text('kind'),
        id: item.text('id'),
        version: item.count('version'),
        crc: item.count('crc'),
      };
    }),
  }));

const VERSION_PREFIX = 'v';
const CHANGE_PREFIX = 'c';
const NAME = /^[\x20-\x7e]{1,512}$/;

export const isCatalogName = (text: string): boolean => NAME.test(text);

const numbered = (prefix: Buffer, number: number): Buffer => {
  const key = Buffer.alloc(prefix.length + 8);
  prefix.copy(key);
  key.writeBigUInt64BE(BigInt(number), prefix.length);
  return key;
};

/** `v`, kind, 0, id, 0, u64 version (big-endian): versions of an entry lie side by side. */
export const versionKey = (kind: string, id: string, version: number): Buffer =>
  numbered(Buffer.from(`${VERSION_PREFIX}${kind}\0${id}\0`, 'latin1'), version);

/** `c`, u64 number (big-endian). */
export const changeKey = (number: number): Buffer =>
  numbered(Buffer.from(CHANGE_PREFIX, 'latin1'), number);

export type CatalogKey =
  | { readonly what: 'change'; readonly number: number }
  | {
      readonly what: 'version';
      readonly kind: string;
      readonly id: string;
      readonly version: number;
    };

/** Undefined for what is no key of the catalog. */
export const parseCatalogKey = (key: Buffer): CatalogKey | undefined => {
  if (key.length < 9) return undefined;
  const number = Number(key.readBigUInt64BE(key.length - 8));
  if (!isCount(number)) return undefined;
  const head = key.toString('latin1', 0, key.length - 8);
  if (head === CHANGE_PREFIX) return { what: 'change', number };
  const [kind, id, ...more] = head.slice(1, -1).split('\0');
  if (!head.startsWith(VERSION_PREFIX) || !head.endsWith('\0') || more.length > 0) return undefined;
  if (kind === undefined || id === undefined) return undefined;
  if (!isCatalogName(kind) || !isCatalogName(id)) return undefined;
  return { what: 'version', kind, id, version: number };
};
