import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { NbdClient } from '@retrace/nbd';
import type { BenchContext } from '../context.js';
import { type Line, line } from '../report/line.js';
import { RetraceServer } from '../retrace/server.js';
import { readState } from '../retrace/status.js';
import { SyntheticAgent } from '../retrace/synthetic-agent.js';
import { withCleanups } from '../system/cleanups.js';
import { type ProcessUsage, readUsage } from '../system/process-usage.js';
import { BLOCK_BYTES, RecordSource, VOLUME_BYTES } from './records.js';

const FRAME_RECORDS = 1024;
const MACHINE = 'size';
const MIB = 2 ** 20;
const READS = 200;

interface Start {
  /** From starting the process to its ready line. */
  readonly readySeconds: number;
  /** From starting the process to the first read of the volume, answered over NBD. */
  readonly answerSeconds: number;
  readonly usage: ProcessUsage;
}

/** A 1 TiB volume with millions of records: the server's memory, and how soon it is back. */
export async function measureSize(context: BenchContext): Promise<Line[]> {
  const { records } = context.options;
  const dir = context.folder('size');
  const dataDir = join(dir, 'journal');
  const ingest = await fill(context, dir, dataDir, records);
  const clean = await restart(context, dir, dataDir, ingest.seq, 'SIGKILL');
  const killed = await restart(context, dir, dataDir, ingest.seq, 'SIGTERM');
  rmSync(dir, { recursive: true, force: true });
  const what = `1 TiB volume, ${(records / 1e6).toFixed(1)} million records`;
  const mebibytes = (bytes: number): number => bytes / MIB;
  return [
    line({
      row: 'S1',
      what: `${what}: server memory (RSS) after ingest`,
      unit: 'MiB',
      ours: [mebibytes(ingest.usage.rssBytes)],
      goal: { better: 'lower', must: 1024, aim: 512 },
      also: [
        { name: 'most', value: mebibytes(ingest.usage.peakRssBytes), unit: 'MiB' },
        { name: 'ingest', value: records / ingest.seconds, unit: 'records/s' },
      ],
    }),
    startLine('S2', `${what}: restart after a clean stop to first answer`, clean),
    startLine('S3', `${what}: restart after kill -9 to first answer`, killed),
    line({
      row: 'S4',
      what: `${what}: server memory (RSS) after restart`,
      unit: 'MiB',
      ours: [mebibytes(clean.usage.rssBytes)],
      goal: { better: 'lower', must: 1024, aim: 512 },
      also: [{ name: 'most', value: mebibytes(clean.usage.peakRssBytes), unit: 'MiB' }],
    }),
  ];
}

const startLine = (row: string, what: string, start: Start): Line =>
  line({
    row,
    what,
    unit: 's',
    ours: [start.answerSeconds],
    goal: { better: 'lower', must: 10, aim: 2 },
    also: [{ name: 'ready after', value: start.readySeconds, unit: 's' }],
  });

interface Filled {
  readonly seq: number;
  readonly seconds: number;
  readonly usage: ProcessUsage;
}

/** Sends all records to a new server, stops it cleanly. */
function fill(
  context: BenchContext,
  dir: string,
  dataDir: string,
  records: number,
): Promise<Filled> {
  return withCleanups(async (cleanups) => {
    const { profile } = context.options;
    const server = await RetraceServer.start(dataDir, dir, profile && join(profile, 'size'));
    cleanups.add(() => server.program.stop());
    const agent = await SyntheticAgent.connect(server.http, MACHINE, VOLUME_BYTES, BLOCK_BYTES);
    cleanups.add(() => agent.close());
    const source = new RecordSource();
    await agent.send(source.mkfsTrims());
    const startMs = performance.now();
    for (let sent = 0; sent < records; sent += FRAME_RECORDS) {
      await agent.send(source.next(Math.min(FRAME_RECORDS, records - sent)));
      if (sent % (FRAME_RECORDS * 512) === 0) context.say(`  ${sent} records sent`);
    }
    await agent.drain();
    const seconds = (performance.now() - startMs) / 1000;
    const state = await readState(server.http);
    if (state === undefined || state.seq < records) throw new Error('not all records are stored');
    return { seq: state.seq, seconds, usage: readUsage(server.pid) };
  });
}

/** Starts the server, reads, and ends it by the signal given, for the next start to find. */
async function restart(
  context: BenchContext,
  dir: string,
  dataDir: string,
  seq: number,
  end: 'SIGTERM' | 'SIGKILL',
): Promise<Start> {
  const { profile } = context.options;
  const profileDir = profile && join(profile, `restart-${end}`);
  const startMs = performance.now();
  const since = (): number => (performance.now() - startMs) / 1000;
  const server = await RetraceServer.start(dataDir, dir, profileDir);
  try {
    const readySeconds = since();
    const client = await NbdClient.connect(server.uri(`${MACHINE}/disk@seq:${seq}`));
    await client.read(0, BLOCK_BYTES);
    const answerSeconds = since();
    for (let i = 0; i < READS; i++) {
      const block = Math.floor(Math.random() * (VOLUME_BYTES / BLOCK_BYTES));
      await client.read(block * BLOCK_BYTES, BLOCK_BYTES);
    }
    await client.close();
    return { readySeconds, answerSeconds, usage: readUsage(server.pid) };
  } finally {
    if (end === 'SIGKILL') await server.program.kill();
    else await server.program.stop();
  }
}
