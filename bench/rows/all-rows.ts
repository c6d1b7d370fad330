import type { BenchContext } from '../context.js';
import type { Line } from '../report/line.js';
import { row19 } from './fsync.js';
import { row1, row3, rows2And4 } from './guest-writes.js';
import { row5, row6 } from './ingest.js';
import { rows7And18 } from './paced-load.js';
import { row10 } from './past-reads.js';

/** A measurement and the rows of the goals it fills. */
export interface Measurement {
  readonly rows: readonly string[];
  /** Disk space it takes at most, by the second of its length and round. */
  readonly bytesPerSecond: number;
  readonly run: (context: BenchContext) => Promise<Line[]>;
}

const MB = 1e6;

/** All measurements, in the order of the table. */
export const MEASUREMENTS: readonly Measurement[] = [
  { rows: ['1'], bytesPerSecond: 400 * MB, run: row1 },
  { rows: ['2', '4'], bytesPerSecond: 150 * MB, run: rows2And4 },
  { rows: ['3'], bytesPerSecond: 1200 * MB, run: row3 },
  { rows: ['5'], bytesPerSecond: 800 * MB, run: row5 },
  { rows: ['6'], bytesPerSecond: 1200 * MB, run: row6 },
  { rows: ['7', '18'], bytesPerSecond: 30 * MB, run: rows7And18 },
  { rows: ['10'], bytesPerSecond: 400 * MB, run: row10 },
  { rows: ['19'], bytesPerSecond: 100 * MB, run: row19 },
];
