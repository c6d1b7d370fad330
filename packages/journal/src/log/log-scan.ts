import { RetraceError } from '@retrace/core';
import type { Damage } from '../storage/damage.js';
import { ChunkSource } from './chunk-source.js';
import type { LogRecord } from './log-record.js';
import type { PayloadReader } from './payload-reader.js';
import type { SegmentDatabases } from './segment-databases.js';
import { segmentDirectory } from './segment-paths.js';
import type { SegmentRange } from './segment-table.js';

export interface ScanOptions {
  /** Told of lost records, both lsns inclusive; without it they end the scan with CORRUPTION. */
  readonly onHole?: (fromLsn: number, toLsn: number) => void;
  /** Told of every damage that is met, also of those that lose nothing. */
  readonly onDamage?: (problem: Damage) => void;
}

interface ScanParts {
  /** The segments that hold them. */
  readonly ranges: readonly SegmentRange[];
  readonly databases: SegmentDatabases;
  readonly payloads: PayloadReader;
}

const failOnHole =
  (segment: number) =>
  (fromLsn: number, toLsn: number): void => {
    const place = segmentDirectory(segment);
    const message = `the records of lsn ${fromLsn} to ${toLsn} are lost (${place})`;
    throw new RetraceError('CORRUPTION', message, { details: { place, fromLsn, toLsn } });
  };

/** Records [fromLsn, toLsn] out of the segments that hold them, in order. */
export const scanSegments = async function* (
  { ranges, databases, payloads }: ScanParts,
  fromLsn: number,
  toLsn: number,
  { onHole, onDamage }: ScanOptions,
): AsyncGenerator<LogRecord> {
  const report = onDamage ?? (() => {});
  for (const range of ranges) {
    const { segment } = range;
    const end = Math.min(range.lastLsn, toLsn);
    const hole = onHole ?? failOnHole(segment);
    const source = new ChunkSource(range, { databases, payloads, report });
    let next = Math.max(range.firstLsn, fromLsn);
    for await (const { chunk } of source.read(next)) {
      for (const record of chunk.records) {
        if (record.lsn < next) continue;
        if (record.lsn > end) break;
        if (record.lsn > next) hole(next, record.lsn - 1);
        next = record.lsn + 1;
        yield record;
      }
      if (next > end) break;
    }
    if (next <= end) hole(next, end);
  }
};
