import {
  type ByteOffset,
  type Epoch,
  isRecordKind,
  LIMITS,
  type Lsn,
  type RecordKind,
  type RecordNumber,
  type Seq,
  type TimeUs,
  type VolumeId,
} from '@retrace/core';
import { type ColumnsReader, ColumnsWriter } from './columns.js';
import { corrupt } from './corrupt.js';
import { LAYER_BOUNDS } from './limits.js';
import type { DecodedPart } from './part.js';

/** A record's header as a layer keeps it: its payload is in the rows, its group the section's. */
export interface LayerRecord {
  readonly seq: Seq;
  readonly lsn: Lsn;
  readonly kind: RecordKind;
  readonly flags: number;
  /** 0 for a record of the group as a whole. */
  readonly volumeId: VolumeId;
  readonly epoch: Epoch;
  readonly n: RecordNumber;
  readonly timeUs: TimeUs;
  readonly agentTimeUs: TimeUs;
  readonly arrivalUs: TimeUs;
  readonly offset: ByteOffset;
  readonly length: number;
  /** The body of a mark or define record. */
  readonly body?: Buffer;
}

/** Columns of a record page. The numbers are those of the files: never change one. */
const COLUMN = {
  seq: 1,
  lsn: 2,
  kind: 3,
  flags: 4,
  volumeId: 5,
  epoch: 6,
  n: 7,
  timeUs: 8,
  /** Agent's time less the record's. */
  agentLagUs: 9,
  arrivalUs: 10,
  offset: 11,
  length: 12,
  /** Which records have a body, how long it is, and all of them. */
  bodyRow: 13,
  bodyBytes: 14,
  bodies: 15,
} as const;

/** A decoded page of records. */
export interface RecordPage {
  readonly records: readonly LayerRecord[];
  readonly memoryBytes: number;
}

/** Memory a decoded record takes, about. */
const RECORD_MEMORY_BYTES = 160;

const isBody = (body: Buffer | undefined): body is Buffer => body !== undefined;

export const recordPageColumns = (records: readonly LayerRecord[]): ColumnsWriter => {
  const bodies = records.map(({ body }) => body).filter(isBody);
  const bodyRows = records.flatMap(({ body }, row) => (body === undefined ? [] : [row]));
  return new ColumnsWriter()
    .deltas(
      COLUMN.seq,
      records.map(({ seq }) => seq),
    )
    .deltas(
      COLUMN.lsn,
      records.map(({ lsn }) => lsn),
    )
    .bytes(COLUMN.kind, Buffer.from(records.map(({ kind }) => kind)))
    .bytes(COLUMN.flags, Buffer.from(records.map(({ flags }) => flags)))
    .deltas(
      COLUMN.volumeId,
      records.map(({ volumeId }) => volumeId),
    )
    .deltas(
      COLUMN.epoch,
      records.map(({ epoch }) => epoch),
    )
    .deltas(
      COLUMN.n,
      records.map(({ n }) => n),
    )
    .deltas(
      COLUMN.timeUs,
      records.map(({ timeUs }) => timeUs),
    )
    .signed(
      COLUMN.agentLagUs,
      records.map(({ agentTimeUs, timeUs }) => agentTimeUs - timeUs),
    )
    .deltas(
      COLUMN.arrivalUs,
      records.map(({ arrivalUs }) => arrivalUs),
    )
    .deltas(
      COLUMN.offset,
      records.map(({ offset }) => offset),
    )
    .deltas(
      COLUMN.length,
      records.map(({ length }) => length),
    )
    .deltas(COLUMN.bodyRow, bodyRows)
    .deltas(
      COLUMN.bodyBytes,
      bodies.map(({ length }) => length),
    )
    .bytes(COLUMN.bodies, Buffer.concat(bodies));
};

/** @throws RetraceError CORRUPTION */
export const decodeRecordPage = ({ columns }: DecodedPart, place: string): RecordPage => {
  const count = columns.count(COLUMN.seq);
  if (count === 0 || count > LAYER_BOUNDS.pageRows) {
    throw corrupt(place, `a page of ${count} records`);
  }
  const seqs = columns.numbers(COLUMN.seq, count);
  const lsns = columns.numbers(COLUMN.lsn, count);
  const kinds = columns.bytes(COLUMN.kind, count);
  const flags = columns.bytes(COLUMN.flags, count);
  const volumeIds = columns.numbers(COLUMN.volumeId, count);
  const epochs = columns.numbers(COLUMN.epoch, count);
  const ns = columns.numbers(COLUMN.n, count);
  const times = columns.numbers(COLUMN.timeUs, count);
  const lags = columns.numbers(COLUMN.agentLagUs, count);
  const arrivals = columns.numbers(COLUMN.arrivalUs, count);
  const offsets = columns.numbers(COLUMN.offset, count);
  const lengths = columns.numbers(COLUMN.length, count);
  const bodies = decodeBodies(columns, count, place);
  const records = Array.from({ length: count }, (_, row): LayerRecord => {
    const kind = kinds[row]!;
    if (!isRecordKind(kind)) throw corrupt(place, `record ${row} is of kind ${kind}`);
    const record: { -readonly [K in keyof LayerRecord]: LayerRecord[K] } = {
      seq: seqs[row] as Seq,
      lsn: lsns[row] as Lsn,
      kind,
      flags: flags[row]!,
      volumeId: volumeIds[row] as VolumeId,
      epoch: epochs[row] as Epoch,
      n: ns[row] as RecordNumber,
      timeUs: times[row] as TimeUs,
      agentTimeUs: (times[row]! + lags[row]!) as TimeUs,
      arrivalUs: arrivals[row] as TimeUs,
      offset: offsets[row] as ByteOffset,
      length: lengths[row]!,
    };
    const body = bodies.get(row);
    if (body !== undefined) record.body = body;
    return record;
  });
  return { records, memoryBytes: count * RECORD_MEMORY_BYTES + columns.count(COLUMN.bodies) };
};

/** Bodies by row; each a buffer of its own, for it may be kept. */
const decodeBodies = (
  columns: ColumnsReader,
  count: number,
  place: string,
): ReadonlyMap<number, Buffer> => {
  const bodies = new Map<number, Buffer>();
  const bodyCount = columns.count(COLUMN.bodyRow);
  const rows = columns.numbers(COLUMN.bodyRow, bodyCount);
  const lengths = columns.numbers(COLUMN.bodyBytes, bodyCount);
  const bytes = columns.bytes(COLUMN.bodies, columns.count(COLUMN.bodies));
  let at = 0;
  for (let i = 0; i < bodyCount; i++) {
    const end = at + lengths[i]!;
    if (rows[i]! >= count || lengths[i]! > LIMITS.bodyBytesMax || end > bytes.length) {
      throw corrupt(place, `the body of record ${rows[i]} is cut off`);
    }
    bodies.set(rows[i]!, Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  if (at !== bytes.length) throw corrupt(place, 'bytes that are no body');
  return bodies;
};
