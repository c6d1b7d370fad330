import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BenchContext } from './context.js';
import { runMicro } from './micro/micro.js';
import { type Options, readOptions, USAGE } from './options.js';
import { formatProfiles } from './profile/hot-functions.js';
import type { Line } from './report/line.js';
import { formatMicro } from './report/micro-table.js';
import { formatMachine, type Results, writeResults } from './report/results.js';
import { formatMarkdown, formatTable } from './report/table.js';
import { MEASUREMENTS, type Measurement } from './rows/all-rows.js';
import { measureSize } from './size/size.js';
import { Cleanups } from './system/cleanups.js';
import { busyShare } from './system/idle.js';
import { describeCommit, describeMachine } from './system/machine.js';
import { checkSpace, makeWorkDir } from './system/work-dir.js';

/** `bench/dist` -> the root of the checkout. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GIB = 2 ** 30;
/** Bytes on disk for a record of `--size`: one in 16 has 4 KiB. */
const SIZE_RECORD_BYTES = 600;

/** Before each measurement the machine is watched so long; busier than this is worth a note. */
const IDLE_WATCH_MS = 1000;
const BUSY_MAX = 0.1;

const SIZE: Measurement = { rows: ['size'], bytesPerSecond: 0, run: measureSize };

interface Outcome {
  readonly lines: readonly Line[];
  readonly failures: Results['failures'];
  readonly busyShares: readonly number[];
}

const chosen = (options: Options): readonly Measurement[] =>
  options.isSize
    ? [SIZE]
    : MEASUREMENTS.filter(({ rows }) => rows.some((row) => options.rows.includes(row)));

/** The most that lies on disk at once: each measurement removes its data before the next. */
function neededBytes(options: Options): number {
  if (options.isSize) return options.records * SIZE_RECORD_BYTES;
  const { seconds, runs } = options;
  const each = chosen(options).map((it) => it.bytesPerSecond * seconds * runs);
  return 2 * GIB + Math.max(0, ...each);
}

async function measureAll(context: BenchContext): Promise<Outcome> {
  const lines: Line[] = [];
  const failures: { rows: string; reason: string }[] = [];
  const busyShares: number[] = [];
  for (const measurement of chosen(context.options)) {
    const rows = measurement.rows.join(', ');
    const busy = await busyShare(IDLE_WATCH_MS);
    busyShares.push(busy);
    const note = busy > BUSY_MAX ? ` (others use ${Math.round(busy * 100)} % of the CPUs)` : '';
    context.say(`measuring row ${rows} ...${note}`);
    try {
      checkSpace(context.workDir, neededBytes(context.options));
      lines.push(...(await measurement.run(context)));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      context.say(`row ${rows} could not be measured: ${reason}`);
      failures.push({ rows, reason });
    }
    for (const folder of context.takeFolders()) rmSync(folder, { recursive: true, force: true });
  }
  const wanted = new Set(context.options.isSize ? [] : context.options.rows);
  const isWanted = ({ row }: Line): boolean => wanted.size === 0 || wanted.has(numberOf(row));
  return { lines: lines.filter(isWanted), failures, busyShares };
}

/** `18a` -> `18` */
const numberOf = (row: string): string => row.replace(/[a-z]$/, '');

async function runRows(options: Options, cleanups: Cleanups): Promise<boolean> {
  const startedAt = new Date().toISOString();
  const startMs = performance.now();
  const context = new BenchContext(
    options,
    makeWorkDir(options.dir, neededBytes(options), cleanups),
  );
  const machine = describeMachine(context.workDir);
  const { lines, failures, busyShares } = await measureAll(context);
  const tookSeconds = Math.round((performance.now() - startMs) / 1000);
  const commit = describeCommit(ROOT);
  const results: Results = {
    startedAt,
    tookSeconds,
    commit,
    machine,
    busyShareMax: Math.max(0, ...busyShares),
    options,
    lines,
    failures,
  };
  const file = writeResults(results, options.json, ROOT);
  const out = options.isMarkdown ? formatMarkdown : formatTable;
  console.log(`${formatMachine(results)}\n\n${out(lines)}`);
  for (const { rows, reason } of failures) console.log(`\nrow ${rows} FAILED: ${reason}`);
  if (options.profile !== undefined) console.log(`\n${formatProfiles(options.profile)}`);
  console.log(`\n${tookSeconds} s; written to ${file}`);
  return failures.length === 0;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === 'help') {
    console.log(USAGE);
    return 0;
  }
  if (options.isMicro) {
    console.log(formatMicro(await runMicro()));
    return 0;
  }
  const cleanups = new Cleanups();
  const stop = (signal: NodeJS.Signals): void => {
    console.error(`${signal}: cleaning up`);
    void cleanups.run().then(() => process.exit(1));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    return (await runRows(options, cleanups)) ? 0 : 1;
  } finally {
    await cleanups.run();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
