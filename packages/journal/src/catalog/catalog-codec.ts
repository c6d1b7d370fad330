import { createHash } from 'node:crypto';
import { isCount } from '@retrace/core';
import { readSealed, sealMap } from './sealed-map.js';

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

/** Ends a generation: what comes after stands in the next one. */
export interface EndRecord {
  /** Number of the generation that follows. */
  readonly next: number;
  /** Newest change when it began. */
  readonly change: number;
}

const VERSIONS_PER_CHANGE_MAX = 4096;
/** Hexadecimal digits of a SHA-256. */
const DIGEST_DIGITS = 64;

export const digestOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

export const encodeVersion = ({ change, value }: VersionRecord): Buffer =>
  sealMap(value === undefined ? { change, removed: true } : { change, value });

/** @returns why not, as a text, when the bytes are damaged */
export const decodeVersion = (bytes: Buffer): VersionRecord | string =>
  readSealed(bytes, (reader, map) => ({
    change: reader.count('change'),
    value: reader.has('removed') ? undefined : (map.value as CatalogMap),
  }));

export const encodeChange = (change: ChangeRecord): Buffer =>
  sealMap({
    number: change.number,
    previous: change.previous,
    previousDigest: change.previousDigest.toString('hex'),
    versions: change.versions.map(({ kind, id, version, crc }) => ({ kind, id, version, crc })),
  });

/** @returns why not, as a text, when the bytes are damaged */
export const decodeChange = (bytes: Buffer): ChangeRecord | string =>
  readSealed(bytes, (reader) => ({
    number: reader.count('number'),
    previous: reader.count('previous'),
    previousDigest: Buffer.from(reader.text('previousDigest', DIGEST_DIGITS), 'hex'),
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

export const encodeEnd = ({ next, change }: EndRecord): Buffer => sealMap({ next, change });

/** @returns why not, as a text, when the bytes are damaged */
export const decodeEnd = (bytes: Buffer): EndRecord | string =>
  readSealed(bytes, (reader) => ({ next: reader.count('next'), change: reader.count('change') }));

const VERSION_PREFIX = 'v';
const CHANGE_PREFIX = 'c';
const END_PREFIX = 'e';
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

/** `e`, u64 number of the generation that follows (big-endian). */
export const endKey = (next: number): Buffer => numbered(Buffer.from(END_PREFIX, 'latin1'), next);

export type CatalogKey =
  | { readonly what: 'change'; readonly number: number }
  | { readonly what: 'end'; readonly next: number }
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
  if (head === END_PREFIX) return { what: 'end', next: number };
  const [kind, id, ...more] = head.slice(1, -1).split('\0');
  if (!head.startsWith(VERSION_PREFIX) || !head.endsWith('\0') || more.length > 0) return undefined;
  if (kind === undefined || id === undefined) return undefined;
  if (!isCatalogName(kind) || !isCatalogName(id)) return undefined;
  return { what: 'version', kind, id, version: number };
};
