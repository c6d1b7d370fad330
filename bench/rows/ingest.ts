import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchContext } from '../context.js';
import { measureBareFile } from '../peers/bare-file.js';
import { measureBareLevel } from '../peers/bare-level.js';
import { type Line, line } from '../report/line.js';
import { RetraceServer } from '../retrace/server.js';
import { type Content, SyntheticAgent, writeContent } from '../retrace/synthetic-agent.js';
import { alternate } from '../statistics/rounds.js';
import { median } from '../statistics/summary.js';
import { withCleanups } from '../system/cleanups.js';
import { cpuShare, readUsage } from '../system/process-usage.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const AGENTS = 4;
const FRAME_BYTES = MIB;
const VOLUME_BYTES = 64 * 2 ** 30;
const BLOCK_BYTES = 4 * KIB;
/** Frames whose contents are made beforehand: making random bytes would cost a core. */
const FRAMES = 16;

interface IngestFigures {
  readonly recordsPerSecond: number;
  readonly serverCpu: number;
}

/** Row 5: 4 KiB records, synced, against bare LevelDB in synced batches of 256. */
export async function row5(context: BenchContext): Promise<Line[]> {
  const recordBytes = 4 * KIB;
  const { seconds, runs } = context.options;
  const rounds = await alternate<'retrace' | 'level', IngestFigures>(runs, {
    retrace: () => measureServer(context, recordBytes),
    level: () =>
      inFolder(context, async (dir) => ({
        recordsPerSecond: await measureBareLevel(dir, recordBytes, seconds),
        serverCpu: 0,
      })),
  });
  const ours = rounds.retrace.map((it) => it.recordsPerSecond);
  return [
    line({
      row: '5',
      what: `ingest alone, 4 KiB records, ${AGENTS} agents`,
      unit: 'records/s',
      ours,
      peer: rounds.level.map((it) => it.recordsPerSecond),
      peerName: 'LevelDB, batches of 256',
      goal: { better: 'higher', must: 1, aim: 2 },
      also: [
        { name: 'that is', value: (median(ours) * recordBytes) / 1e6, unit: 'MB/s' },
        { name: 'server', value: median(rounds.retrace.map((it) => it.serverCpu)), unit: 'cores' },
      ],
    }),
  ];
}

/** Row 6: large records against `writev` and `fdatasync` of as many bytes. */
export async function row6(context: BenchContext): Promise<Line[]> {
  const lines: Line[] = [];
  for (const [letter, recordBytes] of [
    ['a', 64 * KIB],
    ['b', MIB],
  ] as const) {
    lines.push(await measureLarge(context, `6${letter}`, recordBytes));
  }
  return lines;
}

async function measureLarge(
  context: BenchContext,
  row: string,
  recordBytes: number,
): Promise<Line> {
  const { seconds, runs } = context.options;
  const file = (batchBytes: number) => () =>
    inFolder(context, async (dir) => ({
      recordsPerSecond:
        (await measureBareFile(dir, recordBytes, batchBytes, seconds)) / recordBytes,
      serverCpu: 0,
    }));
  const rounds = await alternate<'retrace' | 'file' | 'large', IngestFigures>(runs, {
    retrace: () => measureServer(context, recordBytes),
    file: file(MIB),
    large: file(8 * MIB),
  });
  const speed = (name: keyof typeof rounds): number[] =>
    rounds[name].map((it) => (it.recordsPerSecond * recordBytes) / 1e6);
  return line({
    row,
    what: `ingest alone, ${recordBytes / KIB} KiB records, ${AGENTS} agents`,
    unit: 'MB/s',
    ours: speed('retrace'),
    peer: speed('file'),
    peerName: 'writev+fdatasync of 1 MiB',
    goal: { better: 'higher', must: 0.5, aim: 0.8 },
    also: [
      { name: 'writev+fdatasync of 8 MiB', value: median(speed('large')), unit: 'MB/s' },
      { name: 'server', value: median(rounds.retrace.map((it) => it.serverCpu)), unit: 'cores' },
    ],
  });
}

async function inFolder<T>(context: BenchContext, body: (dir: string) => Promise<T>): Promise<T> {
  const dir = context.folder('ingest');
  try {
    return await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Synthetic agents send as fast as they are allowed to; the clock stops at the last ack. */
function measureServer(context: BenchContext, recordBytes: number): Promise<IngestFigures> {
  const { seconds, profile } = context.options;
  const profileDir = profile && join(profile, `ingest-${recordBytes / KIB}k`);
  return inFolder(context, (dir) =>
    withCleanups(async (cleanups) => {
      const server = await RetraceServer.start(join(dir, 'journal'), dir, profileDir);
      cleanups.add(() => server.program.stop());
      const agents: SyntheticAgent[] = [];
      for (let index = 0; index < AGENTS; index++) {
        const agent = await SyntheticAgent.connect(server.http, `bench-${index}`, VOLUME_BYTES);
        cleanups.add(() => agent.close());
        agents.push(agent);
      }
      const frames = makeFrames(recordBytes);
      const before = readUsage(server.pid);
      const startMs = performance.now();
      const endMs = startMs + seconds * 1000;
      const counts = await Promise.all(agents.map((agent) => sendUntil(agent, frames, endMs)));
      const tookSeconds = (performance.now() - startMs) / 1000;
      const records = counts.reduce((sum, count) => sum + count, 0);
      return {
        recordsPerSecond: records / tookSeconds,
        serverCpu: cpuShare(before, readUsage(server.pid)),
      };
    }),
  );
}

async function sendUntil(
  agent: SyntheticAgent,
  frames: readonly (readonly Content[])[],
  endMs: number,
): Promise<number> {
  let records = 0;
  for (let at = 0; performance.now() < endMs; at = (at + 1) % frames.length) {
    const frame = frames[at]!;
    await agent.send(frame);
    records += frame.length;
  }
  await agent.drain();
  return records;
}

/** Frames of about a mebibyte, as the agent makes them under load, at random places. */
function makeFrames(recordBytes: number): Content[][] {
  const places = VOLUME_BYTES / recordBytes;
  const records = Math.max(1, FRAME_BYTES / recordBytes);
  return Array.from({ length: FRAMES }, () =>
    Array.from({ length: records }, () => {
      const offset = Math.floor(Math.random() * places) * recordBytes;
      return writeContent(offset, randomBytes(recordBytes), BLOCK_BYTES);
    }),
  );
}
