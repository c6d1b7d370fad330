import { ColumnsWriter } from './columns.js';
import type { DecodedPart } from './part.js';
import type { ActivityRow } from './rows.js';

/** Columns of a volume's activity. The numbers are those of the files: never change one. */
const COLUMN = { second: 1, records: 2, writes: 3, trims: 4, flushes: 5, bytes: 6 } as const;

export const encodeActivity = (rows: readonly ActivityRow[]): ColumnsWriter =>
  new ColumnsWriter()
    .deltas(
      COLUMN.second,
      rows.map(({ second }) => second),
    )
    .deltas(
      COLUMN.records,
      rows.map(({ records }) => records),
    )
    .deltas(
      COLUMN.writes,
      rows.map(({ writes }) => writes),
    )
    .deltas(
      COLUMN.trims,
      rows.map(({ trims }) => trims),
    )
    .deltas(
      COLUMN.flushes,
      rows.map(({ flushes }) => flushes),
    )
    .deltas(
      COLUMN.bytes,
      rows.map(({ bytes }) => bytes),
    );

/** @throws RetraceError CORRUPTION unless there are `count` rows */
export const decodeActivity = ({ columns }: DecodedPart, count: number): readonly ActivityRow[] => {
  const seconds = columns.numbers(COLUMN.second, count);
  const records = columns.numbers(COLUMN.records, count);
  const writes = columns.numbers(COLUMN.writes, count);
  const trims = columns.numbers(COLUMN.trims, count);
  const flushes = columns.numbers(COLUMN.flushes, count);
  const bytes = columns.numbers(COLUMN.bytes, count);
  return Array.from(seconds, (second, row) => ({
    second,
    records: records[row]!,
    writes: writes[row]!,
    trims: trims[row]!,
    flushes: flushes[row]!,
    bytes: bytes[row]!,
  }));
};
