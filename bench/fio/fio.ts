import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../system/program.js';
import { type FioResult, readReport } from './report.js';

/** One job of fio over an NBD export. */
export interface FioJob {
  readonly uri: string;
  readonly rw: 'randwrite' | 'write' | 'randread' | 'read';
  readonly blockBytes: number;
  readonly depth: number;
  /** The part of the export that is used, from its start. */
  readonly areaBytes: number;
  /** At most so long. */
  readonly seconds: number;
  /** Go on for `seconds` however small the area is; otherwise each block is used once at most. */
  readonly isTimed: boolean;
  /** One flush when all is written, within the time measured. */
  readonly endFsync?: boolean;
  /** A flush after so many writes. */
  readonly fsyncEvery?: number;
}

const START_AND_END_MS = 60_000;
let reports = 0;

/** Runs fio. @throws Error when it fails, or an I/O of it does */
export async function runFio(job: FioJob, workDir: string): Promise<FioResult> {
  reports += 1;
  const output = join(workDir, `fio-${reports}.json`);
  const args = [
    '--name=bench',
    '--ioengine=nbd',
    `--uri=${job.uri}`,
    `--rw=${job.rw}`,
    `--bs=${job.blockBytes}`,
    `--iodepth=${job.depth}`,
    `--size=${job.areaBytes}`,
    `--runtime=${job.seconds}`,
    ...(job.isTimed ? ['--time_based', '--norandommap'] : []),
    ...(job.endFsync === true ? ['--end_fsync=1'] : []),
    ...(job.fsyncEvery === undefined ? [] : [`--fsync=${job.fsyncEvery}`]),
    '--output-format=json',
    `--output=${output}`,
  ];
  try {
    const timeoutMs = job.seconds * 1000 + START_AND_END_MS;
    await runProgram({ name: `fio ${job.rw}`, command: 'fio', args }, timeoutMs);
    return readReport(readFileSync(output, 'utf8'), job.rw);
  } finally {
    rmSync(output, { force: true });
  }
}
