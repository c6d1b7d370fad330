import { createHash } from 'node:crypto';
import { crc32c, LIMITS, readU64, writeU64 } from '@retrace/core';
import { type Damage, damage } from '../storage/damage.js';
import type { CatalogMap } from './catalog-codec.js';
import { type CatalogState, emptyState, setCurrent } from './catalog-state.js';
import { readSealed, sealMap } from './sealed-map.js';

/** What every snapshot begins with. */
export const SNAPSHOT_MAGIC = Buffer.from('RTCATSN\n', 'latin1');
export const SNAPSHOT_HEADER_BYTES = 128;
const FORMAT_VERSION = 1;
const DIGEST_BYTES = 32;
/** Bytes encoded at a time: a few milliseconds. */
const PIECE_BYTES = 64 * 1024;

const AT = {
  version: 8,
  generation: 16,
  change: 24,
  linkedChange: 32,
  takenUs: 40,
  entries: 48,
  losses: 52,
  linkedDigest: 64,
  crc: 124,
} as const;

/** What a snapshot says of itself. */
export interface SnapshotHeader {
  /** The generation that begins with it. */
  readonly generation: number;
  /** Newest change that is in it. */
  readonly change: number;
  /** Newest change before it that could be read, and its digest: the next change names both. */
  readonly linkedChange: number;
  /** SHA-256; empty before the first change. */
  readonly linkedDigest: Buffer;
  /** When it was taken: microseconds since the Unix epoch; 0 when nobody knew. */
  readonly takenUs: number;
  readonly entries: number;
  readonly losses: number;
}

/** One entry of a snapshot, as it was then. */
export interface SnapshotEntry {
  /** Byte in the file. */
  readonly at: number;
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly value: CatalogMap;
}

/** A snapshot as far as its bytes are intact; without problems it is whole. */
export interface DecodedSnapshot {
  /** Undefined when not even that can be read. */
  readonly header: SnapshotHeader | undefined;
  readonly entries: readonly SnapshotEntry[];
  readonly losses: readonly Damage[];
  /** What is wrong, and at which byte. */
  readonly problems: readonly { readonly at: number; readonly why: string }[];
}

const item = (map: object): Buffer => {
  const sealed = sealMap(map);
  const bytes = Buffer.alloc(4 + sealed.length);
  bytes.writeUInt32LE(sealed.length);
  sealed.copy(bytes, 4);
  return bytes;
};

/** A text that may come from elsewhere, no longer than one that is read again. */
const cut = (text: string): string => text.slice(0, LIMITS.textLengthMax);

/** Entries by kind and id, so that equal states have equal bytes. */
const sortedEntries = ({ kinds }: CatalogState): readonly Omit<SnapshotEntry, 'at'>[] => {
  const byName = <T>([a]: readonly [string, T], [b]: readonly [string, T]): number =>
    a < b ? -1 : 1;
  return [...kinds].sort(byName).flatMap(([kind, entries]) =>
    [...entries].sort(byName).flatMap(([id, { version, value }]) => {
      return value === undefined ? [] : [{ kind, id, version, value }];
    }),
  );
};

/**
 * The bytes of a snapshot of `state`, current entries and what is known to be lost, in pieces: a
 * large one is not to hold up the process. What changes in `state` meanwhile may be in it or not.
 */
export function* encodeSnapshot(
  state: CatalogState,
  generation: number,
  takenUs: number,
): Generator<Buffer> {
  const entries = sortedEntries(state);
  const losses = state.losses.map((one) => ({ place: cut(one.place), message: cut(one.message) }));
  const header = Buffer.alloc(SNAPSHOT_HEADER_BYTES);
  SNAPSHOT_MAGIC.copy(header);
  header.writeUInt32LE(FORMAT_VERSION, AT.version);
  writeU64(header, generation, AT.generation);
  writeU64(header, state.change, AT.change);
  writeU64(header, state.linkedChange, AT.linkedChange);
  writeU64(header, takenUs, AT.takenUs);
  header.writeUInt32LE(entries.length, AT.entries);
  header.writeUInt32LE(losses.length, AT.losses);
  state.linkedDigest.copy(header, AT.linkedDigest);
  header.writeUInt32LE(crc32c(header.subarray(0, AT.crc)), AT.crc);
  const hash = createHash('sha256');
  let piece: Buffer[] = [header];
  let bytes = header.length;
  for (const map of [...entries, ...losses]) {
    const added = item(map);
    piece.push(added);
    bytes += added.length;
    if (bytes < PIECE_BYTES) continue;
    const full = Buffer.concat(piece);
    hash.update(full);
    yield full;
    piece = [];
    bytes = 0;
  }
  const rest = Buffer.concat(piece);
  yield Buffer.concat([rest, hash.update(rest).digest()]);
}

const decodeHeader = (bytes: Buffer): SnapshotHeader | string => {
  if (bytes.length < SNAPSHOT_HEADER_BYTES) return `only ${bytes.length} bytes`;
  if (!bytes.subarray(0, SNAPSHOT_MAGIC.length).equals(SNAPSHOT_MAGIC)) return 'no snapshot';
  if (bytes.readUInt32LE(AT.crc) !== crc32c(bytes.subarray(0, AT.crc))) {
    return 'the checksum of the header does not match';
  }
  const version = bytes.readUInt32LE(AT.version);
  if (version !== FORMAT_VERSION) return `format version ${version} is unknown to this release`;
  const linkedChange = readU64(bytes, AT.linkedChange);
  const digest = bytes.subarray(AT.linkedDigest, AT.linkedDigest + DIGEST_BYTES);
  return {
    generation: readU64(bytes, AT.generation),
    change: readU64(bytes, AT.change),
    linkedChange,
    linkedDigest: linkedChange === 0 ? Buffer.alloc(0) : Buffer.from(digest),
    takenUs: readU64(bytes, AT.takenUs),
    entries: bytes.readUInt32LE(AT.entries),
    losses: bytes.readUInt32LE(AT.losses),
  };
};

const readEntry = (bytes: Buffer, at: number): SnapshotEntry | string =>
  readSealed(bytes, (reader, map) => ({
    at,
    kind: reader.text('kind'),
    id: reader.text('id'),
    version: reader.count('version'),
    value: map.value as CatalogMap,
  }));

const readLoss = (bytes: Buffer): Damage | string =>
  readSealed(bytes, (reader) => damage(reader.text('place'), reader.text('message')));

/** Reads a snapshot and checks all of it. Each entry that is there is intact by itself. */
export const decodeSnapshot = (bytes: Buffer): DecodedSnapshot => {
  const problems: { at: number; why: string }[] = [];
  const entries: SnapshotEntry[] = [];
  const losses: Damage[] = [];
  const header = decodeHeader(bytes);
  if (typeof header === 'string') {
    return { header: undefined, entries, losses, problems: [{ at: 0, why: header }] };
  }
  const end = bytes.length - DIGEST_BYTES;
  let at = SNAPSHOT_HEADER_BYTES;
  for (let i = 0; i < header.entries + header.losses; i++) {
    const length = at + 4 <= end ? bytes.readUInt32LE(at) : 0;
    if (length === 0 || at + 4 + length > end) {
      problems.push({ at, why: 'what follows cannot be found' });
      break;
    }
    const sealed = bytes.subarray(at + 4, at + 4 + length);
    const decoded = i < header.entries ? readEntry(sealed, at) : readLoss(sealed);
    if (typeof decoded === 'string') problems.push({ at, why: decoded });
    else if ('kind' in decoded) entries.push(decoded);
    else losses.push(decoded);
    at += 4 + length;
  }
  const digest = createHash('sha256')
    .update(bytes.subarray(0, Math.max(end, 0)))
    .digest();
  if (at !== end && problems.length === 0) {
    problems.push({ at, why: 'more bytes than entries' });
  } else if (!digest.equals(bytes.subarray(Math.max(end, 0)))) {
    problems.push({ at: 0, why: 'the SHA-256 does not match' });
  }
  return { header, entries, losses, problems };
};

/** The catalog as a snapshot has it. */
export const snapshotState = (
  header: SnapshotHeader,
  { entries, losses }: Pick<DecodedSnapshot, 'entries' | 'losses'>,
): CatalogState => {
  const state = emptyState();
  for (const { kind, id, version, value } of entries) {
    setCurrent(state, kind, id, { version, value });
  }
  state.change = header.change;
  state.linkedChange = header.linkedChange;
  state.linkedDigest = header.linkedDigest;
  state.losses.push(...losses);
  return state;
};
