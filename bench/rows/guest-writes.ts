import { join } from 'node:path';
import type { BenchContext } from '../context.js';
import { type FioJob, runFio } from '../fio/fio.js';
import type { FioResult } from '../fio/report.js';
import { startBlklogwrites } from '../peers/blklogwrites.js';
import { makeImage } from '../peers/image.js';
import type { NbdPeer } from '../peers/nbd-peer.js';
import { startNbdkit } from '../peers/nbdkit.js';
import { startPassThrough } from '../peers/pass-through.js';
import type { Figure, Line } from '../report/line.js';
import { line } from '../report/line.js';
import { ProtectedDisk } from '../retrace/protected-disk.js';
import { StoredClock } from '../retrace/stored-clock.js';
import { alternate, type Contender, type Rounds } from '../statistics/rounds.js';
import { median } from '../statistics/summary.js';
import { withCleanups } from '../system/cleanups.js';
import { type ProcessUsage, readUsage } from '../system/process-usage.js';

const VOLUME_BYTES = 256 * 2 ** 20;
const KIB = 1024;

type Names = 'retrace' | 'blklogwrites' | 'nbdkit' | 'passThrough';

/** One measurement of one contender. */
interface WriteFigures {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Retrace only: from the guest's last request to its record being stored. */
  readonly drainMs: number;
  /** CPU time that the NBD server took for a request (Retrace: the agent). */
  readonly cpuUs: number;
  /** Retrace only: what the journal server took for it. */
  readonly journalCpuUs: number;
}

interface Pattern {
  readonly name: string;
  readonly rw: 'randwrite' | 'write';
  readonly blockBytes: number;
  readonly depth: number;
}

const RANDOM: Pattern = { name: 'random', rw: 'randwrite', blockBytes: 4 * KIB, depth: 16 };
const RANDOM_ONE: Pattern = { ...RANDOM, name: 'one', depth: 1 };
const SEQUENTIAL: Pattern = { name: 'seq', rw: 'write', blockBytes: 128 * KIB, depth: 16 };

/** Row 1: random 4 KiB writes, queue depth 16, until everything is stored. */
export async function row1(context: BenchContext): Promise<Line[]> {
  const rounds = await measurePattern(context, RANDOM);
  const iops = (name: Names): number[] => rounds[name].map((it) => it.requestsPerSecond);
  return [
    line({
      row: '1',
      what: 'protected 4 KiB random writes, qd 16',
      unit: 'IOPS',
      ours: iops('retrace'),
      peer: iops('blklogwrites'),
      peerName: 'blklogwrites',
      goal: { better: 'higher', must: 1, aim: 1.5 },
      also: [...limits(iops), ...costs(rounds)],
    }),
  ];
}

/** Rows 2 and 4: latency at queue depth 1, against blklogwrites and against no protection. */
export async function rows2And4(context: BenchContext): Promise<Line[]> {
  const rounds = await measurePattern(context, RANDOM_ONE);
  const p99 = (name: Names): number[] => rounds[name].map((it) => it.p99Us);
  const p50 = (name: Names): number[] => rounds[name].map((it) => it.p50Us);
  return [
    line({
      row: '2',
      what: 'the same at qd 1: p99 latency',
      unit: 'us',
      ours: p99('retrace'),
      peer: p99('blklogwrites'),
      peerName: 'blklogwrites',
      goal: { better: 'lower', must: 1.5, aim: 1 },
      also: limits(p99),
    }),
    line({
      row: '4',
      what: '4 KiB writes at qd 1, p50: journal on / pass-through',
      unit: 'us',
      ours: p50('retrace'),
      peer: p50('passThrough'),
      peerName: 'pass-through',
      goal: { better: 'lower', must: 1.5, aim: 1.1 },
      also: [
        ...limits(p50),
        { name: 'blklogwrites', value: median(p50('blklogwrites')), unit: '' },
      ],
    }),
  ];
}

/** Row 3: sequential 128 KiB writes, until everything is stored. */
export async function row3(context: BenchContext): Promise<Line[]> {
  const rounds = await measurePattern(context, SEQUENTIAL);
  const speed = (name: Names): number[] => rounds[name].map((it) => it.bytesPerSecond / 1e6);
  return [
    line({
      row: '3',
      what: 'protected 128 KiB sequential writes, qd 16',
      unit: 'MB/s',
      ours: speed('retrace'),
      peer: speed('blklogwrites'),
      peerName: 'blklogwrites',
      goal: { better: 'higher', must: 1, aim: 1.5 },
      also: [...limits(speed), ...costs(rounds)],
    }),
  ];
}

const limits = (values: (name: Names) => number[]): Figure[] => [
  { name: 'nbdkit file', value: median(values('nbdkit')), unit: '' },
  { name: 'pass-through', value: median(values('passThrough')), unit: '' },
];

/** CPU time for a request hardly depends on what else the machine does, unlike speed. */
const costs = (rounds: Rounds<Names, WriteFigures>): Figure[] => {
  const cpuUs = (name: Names): number => median(rounds[name].map((it) => it.cpuUs));
  const journalCpuUs = median(rounds.retrace.map((it) => it.journalCpuUs));
  return [
    { name: 'drained after', value: median(rounds.retrace.map((it) => it.drainMs)), unit: 'ms' },
    { name: 'CPU a request: agent', value: cpuUs('retrace'), unit: 'us' },
    { name: 'journal server', value: journalCpuUs, unit: 'us' },
    { name: 'blklogwrites', value: cpuUs('blklogwrites'), unit: 'us' },
    { name: 'pass-through', value: cpuUs('passThrough'), unit: 'us' },
  ];
};

/** Starts every contender on an image of its own and measures them in turn. */
function measurePattern(
  context: BenchContext,
  pattern: Pattern,
): Promise<Rounds<Names, WriteFigures>> {
  return withCleanups(async (cleanups) => {
    const dir = context.folder(pattern.name);
    const image = (name: string): string => makeImage(join(dir, `${name}.raw`), VOLUME_BYTES);
    const peer = (it: NbdPeer): Contender<WriteFigures> => measurePeer(context, it, pattern);
    const nbdkit = await startNbdkit(image('nbdkit'), dir, cleanups);
    const qemu = await startBlklogwrites(image('qemu'), dir, cleanups);
    const pass = await startPassThrough(image('pass'), dir, cleanups);
    const { profile } = context.options;
    const profileDir = profile && join(profile, pattern.name);
    const disk = await ProtectedDisk.start(
      { image: image('retrace'), dir, durability: 'async', profileDir },
      cleanups,
    );
    return await alternate(context.options.runs, {
      retrace: () => measureRetrace(context, disk, pattern),
      blklogwrites: peer(qemu),
      nbdkit: peer(nbdkit),
      passThrough: peer(pass),
    });
  });
}

const jobOf = (uri: string, pattern: Pattern, seconds: number): FioJob => ({
  uri,
  rw: pattern.rw,
  blockBytes: pattern.blockBytes,
  depth: pattern.depth,
  areaBytes: VOLUME_BYTES,
  seconds,
  isTimed: true,
  endFsync: true,
});

const measurePeer =
  (context: BenchContext, peer: NbdPeer, pattern: Pattern): Contender<WriteFigures> =>
  async () => {
    const before = readUsage(peer.pid);
    const result = await runFio(jobOf(peer.uri, pattern, context.options.seconds), context.workDir);
    return {
      ...speedOf(result, 0),
      cpuUs: cpuUsFor(result, before, readUsage(peer.pid)),
      journalCpuUs: 0,
    };
  };

/** The clock goes on until the record of the flush at the end is stored. */
async function measureRetrace(
  context: BenchContext,
  disk: ProtectedDisk,
  pattern: Pattern,
): Promise<WriteFigures> {
  const { seconds } = context.options;
  const clock = await StoredClock.start(disk, seconds * 1000);
  const [agent, server] = [readUsage(disk.agent.pid), readUsage(disk.server.pid)];
  try {
    const result = await runFio(jobOf(disk.uri, pattern, seconds), context.workDir);
    const drainMs = await clock.finish(result.requests + 1);
    return {
      ...speedOf(result, drainMs),
      cpuUs: cpuUsFor(result, agent, readUsage(disk.agent.pid)),
      journalCpuUs: cpuUsFor(result, server, readUsage(disk.server.pid)),
    };
  } finally {
    clock.stop();
  }
}

function speedOf(result: FioResult, drainMs: number): Omit<WriteFigures, 'cpuUs' | 'journalCpuUs'> {
  const seconds = (result.runtimeMs + drainMs) / 1000;
  return {
    requestsPerSecond: result.requests / seconds,
    bytesPerSecond: result.bytes / seconds,
    p50Us: result.latency.p50Us,
    p99Us: result.latency.p99Us,
    drainMs,
  };
}

const cpuUsFor = ({ requests }: FioResult, from: ProcessUsage, to: ProcessUsage): number =>
  ((to.cpuMs - from.cpuMs) * 1000) / requests;
