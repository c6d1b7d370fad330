import { bytesToWords, type ColumnsReader, ColumnsWriter, wordBytes } from './columns.js';
import { corrupt } from './corrupt.js';
import { LAYER_BOUNDS } from './limits.js';
import type { DecodedPart } from './part.js';
import { ROW_KIND, ROW_KIND_MAX } from './rows.js';
import type { VersionPage } from './version-page.js';

/** Columns of a row page. The numbers are those of the files: never change one. */
const COLUMN = {
  block: 1,
  seq: 2,
  kind: 3,
  shortRow: 4,
  shortLength: 5,
  chunkRows: 16,
  chunkPosition: 17,
  chunkStored: 18,
  chunkPlain: 19,
  chunkCodec: 20,
  chunkCrc: 21,
  /** The file a chunk lies in: 0 for this one, and nothing else yet. Missing: all 0. */
  chunkFile: 22,
  /** The key a chunk is encrypted with: 0 for none, and nothing else yet. Missing: all 0. */
  chunkKey: 23,
} as const;

/** A compressed run of payloads, and the rows whose payloads they are. */
export interface ChunkRef {
  readonly position: number;
  readonly storedBytes: number;
  readonly plainBytes: number;
  readonly codec: number;
  /** crc32c of the stored bytes. */
  readonly crc: number;
  /** Rows of the page, from where the chunk before ends; not all need have a payload. */
  readonly rows: number;
}

/** A decoded page of rows. All columns have `count` values. */
export interface RowPage extends VersionPage {
  readonly kinds: Uint8Array;
  /** crc32c of the block; 0 for rows without data. */
  readonly checksums: Uint32Array;
  readonly chunks: readonly ChunkRef[];
  /** Index of the row's chunk. */
  readonly chunkOf: Uint16Array;
  /** First byte of the row's payload in its chunk. */
  readonly payloadAt: Uint32Array;
  /** Bytes of the payload; 0 for rows without data. */
  readonly payloadBytes: Uint32Array;
}

/** The columns of a page that is being written; `count` of their values are there. */
export interface RowColumns {
  readonly count: number;
  readonly blocks: Float64Array;
  readonly seqs: Float64Array;
  readonly kinds: Uint8Array;
  /** Of the data rows only. */
  readonly checksums: readonly number[];
  readonly shortRows: readonly number[];
  readonly shortLengths: readonly number[];
  readonly chunks: readonly ChunkRef[];
}

/** @returns the columns to be compressed, and the tail: checksums, which cannot be */
export const rowPageColumns = (page: RowColumns): readonly [ColumnsWriter, Buffer] => {
  const { count, chunks } = page;
  const columns = new ColumnsWriter()
    .deltas(COLUMN.block, page.blocks, count)
    .deltas(COLUMN.seq, page.seqs, count)
    .bytes(COLUMN.kind, Buffer.from(page.kinds.subarray(0, count)))
    .deltas(COLUMN.shortRow, page.shortRows)
    .deltas(COLUMN.shortLength, page.shortLengths)
    .deltas(
      COLUMN.chunkRows,
      chunks.map(({ rows }) => rows),
    )
    .deltas(
      COLUMN.chunkPosition,
      chunks.map(({ position }) => position),
    )
    .deltas(
      COLUMN.chunkStored,
      chunks.map(({ storedBytes }) => storedBytes),
    )
    .deltas(
      COLUMN.chunkPlain,
      chunks.map(({ plainBytes }) => plainBytes),
    )
    .bytes(COLUMN.chunkCodec, Buffer.from(chunks.map(({ codec }) => codec)))
    .words(
      COLUMN.chunkCrc,
      chunks.map(({ crc }) => crc),
    );
  return [columns, wordBytes(page.checksums)];
};

/**
 * Decodes and checks a page of rows.
 * @param blockBytes - of the volume: the bytes of a payload, unless it is listed as short
 * @throws RetraceError CORRUPTION
 */
export const decodeRowPage = (
  { columns, tail }: DecodedPart,
  blockBytes: number,
  place: string,
): RowPage => {
  const count = columns.count(COLUMN.block);
  if (count === 0 || count > LAYER_BOUNDS.pageRows) throw corrupt(place, `a page of ${count} rows`);
  const kinds = columns.bytes(COLUMN.kind, count);
  const payloadBytes = payloadLengths(columns, kinds, blockBytes, place);
  const chunks = decodeChunks(columns, place);
  return {
    count,
    keys: columns.numbers(COLUMN.block, count),
    seqs: columns.numbers(COLUMN.seq, count),
    kinds,
    checksums: spread(bytesToWords(tail), kinds, place),
    chunks,
    ...placeRows(chunks, payloadBytes, place),
    payloadBytes,
    memoryBytes: count * (8 + 8 + 1 + 4 + 2 + 4 + 4) + chunks.length * 64,
  };
};

const payloadLengths = (
  columns: ColumnsReader,
  kinds: Uint8Array,
  blockBytes: number,
  place: string,
): Uint32Array => {
  const lengths = new Uint32Array(kinds.length);
  for (let row = 0; row < kinds.length; row++) {
    if (kinds[row]! > ROW_KIND_MAX) throw corrupt(place, `row ${row} is of kind ${kinds[row]}`);
    if (kinds[row] === ROW_KIND.data) lengths[row] = blockBytes;
  }
  const shorts = columns.count(COLUMN.shortRow);
  const shortRows = columns.numbers(COLUMN.shortRow, shorts);
  const shortLengths = columns.numbers(COLUMN.shortLength, shorts);
  for (let i = 0; i < shorts; i++) {
    const row = shortRows[i]!;
    if (lengths[row] !== blockBytes || shortLengths[i]! >= blockBytes) {
      throw corrupt(place, `row ${row} cannot be short`);
    }
    lengths[row] = shortLengths[i]!;
  }
  return lengths;
};

const decodeChunks = (columns: ColumnsReader, place: string): readonly ChunkRef[] => {
  const count = columns.count(COLUMN.chunkRows);
  if (columns.has(COLUMN.chunkFile)) throw corrupt(place, 'chunks in other files: unknown here');
  if (columns.has(COLUMN.chunkKey)) throw corrupt(place, 'encrypted chunks: unknown here');
  const rows = columns.numbers(COLUMN.chunkRows, count);
  const positions = columns.numbers(COLUMN.chunkPosition, count);
  const stored = columns.numbers(COLUMN.chunkStored, count);
  const plain = columns.numbers(COLUMN.chunkPlain, count);
  const codecs = columns.bytes(COLUMN.chunkCodec, count);
  const crcs = columns.words(COLUMN.chunkCrc, count);
  return Array.from({ length: count }, (_, i) => ({
    position: positions[i]!,
    storedBytes: stored[i]!,
    plainBytes: plain[i]!,
    codec: codecs[i]!,
    crc: crcs[i]!,
    rows: rows[i]!,
  }));
};

/** One value a row of the list that has one a data row. */
const spread = (checksums: Uint32Array, kinds: Uint8Array, place: string): Uint32Array => {
  const all = new Uint32Array(kinds.length);
  let next = 0;
  for (let row = 0; row < kinds.length; row++) {
    if (kinds[row] === ROW_KIND.data) all[row] = checksums[next++] ?? 0;
  }
  if (next !== checksums.length) {
    throw corrupt(place, `${checksums.length} checksums for ${next} blocks`);
  }
  return all;
};

/** Where each payload lies follows from the order of the rows. */
const placeRows = (chunks: readonly ChunkRef[], payloadBytes: Uint32Array, place: string) => {
  const chunkOf = new Uint16Array(payloadBytes.length);
  const payloadAt = new Uint32Array(payloadBytes.length);
  let row = 0;
  for (let index = 0; index < chunks.length; index++) {
    const chunk = chunks[index]!;
    let bytes = 0;
    const end = Math.min(row + chunk.rows, payloadBytes.length);
    for (; row < end; row++) {
      chunkOf[row] = index;
      payloadAt[row] = bytes;
      bytes += payloadBytes[row]!;
    }
    if (bytes !== chunk.plainBytes || bytes > LAYER_BOUNDS.chunkPlainBytes) {
      throw corrupt(place, `chunk ${index} has ${chunk.plainBytes} bytes, its rows ${bytes}`);
    }
    if (chunk.storedBytes > chunk.plainBytes) {
      throw corrupt(place, `chunk ${index} is stored in ${chunk.storedBytes} bytes`);
    }
  }
  const isWhole =
    chunks.length === 0 ? !payloadBytes.some((bytes) => bytes > 0) : row === payloadBytes.length;
  if (!isWhole) throw corrupt(place, `its chunks have ${row} of ${payloadBytes.length} rows`);
  return { chunkOf, payloadAt };
};
