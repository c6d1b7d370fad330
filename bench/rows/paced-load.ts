import { join } from 'node:path';
import type { BenchContext } from '../context.js';
import { makeImage } from '../peers/image.js';
import { startPassThrough } from '../peers/pass-through.js';
import { type Line, line } from '../report/line.js';
import type { SeenAck } from '../retrace/ack-tap.js';
import { type PacedWrites, writePaced } from '../retrace/paced-writer.js';
import { ProtectedDisk } from '../retrace/protected-disk.js';
import { median, percentile } from '../statistics/summary.js';
import { withCleanups } from '../system/cleanups.js';
import { cpuShare, type ProcessUsage, readUsage } from '../system/process-usage.js';
import { waitFor } from '../system/wait-for.js';

const VOLUME_BYTES = 256 * 2 ** 20;
const RATE_BYTES_PER_SECOND = 10_000_000;
const WRITE_BYTES = 4096;
/** Shorter than this the tail says nothing. */
const SECONDS_MIN = 5;
const STORED_TIMEOUT_MS = 30_000;
const SAMPLE_MS = 200;
const MIB = 2 ** 20;

interface PacedFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  readonly bytesPerSecond: number;
  readonly agentCpu: number;
  readonly serverCpu: number;
  /** Of the NBD server without a journal, under the same writes. */
  readonly passThroughCpu: number;
  /** The most held while writing. */
  readonly agentRssBytes: number;
  readonly serverRssBytes: number;
}

/** Rows 7 and 18: how far behind the journal is at 10 MB/s, and what the agent costs then. */
export async function rows7And18(context: BenchContext): Promise<Line[]> {
  const rounds: PacedFigures[] = [];
  for (let round = 0; round < context.options.runs; round++) {
    const passThroughCpu = await measurePassThrough(context);
    rounds.push({ ...(await measure(context)), passThroughCpu });
  }
  const values = (of: (figures: PacedFigures) => number): number[] => rounds.map(of);
  const worst = (of: (figures: PacedFigures) => number): number => Math.max(...rounds.map(of));
  return [
    line({
      row: '7',
      what: 'RPO at 10 MB/s of 4 KiB writes: answered -> stored, p99',
      unit: 'ms',
      ours: values((it) => it.p99Ms),
      goal: { better: 'lower', must: 100, aim: 20 },
      also: [
        {
          name: 'p50',
          value: percentile(
            values((it) => it.p50Ms),
            0.5,
          ),
          unit: 'ms',
        },
        { name: 'worst', value: worst((it) => it.worstMs), unit: 'ms' },
        { name: 'at', value: worst((it) => it.bytesPerSecond) / 1e6, unit: 'MB/s' },
      ],
    }),
    line({
      row: '18a',
      what: 'agent at 10 MB/s: memory (RSS)',
      unit: 'MiB',
      ours: values((it) => it.agentRssBytes / MIB),
      goal: { better: 'lower', must: 256, aim: 96 },
      also: [{ name: 'server', value: worst((it) => it.serverRssBytes) / MIB, unit: 'MiB' }],
    }),
    line({
      row: '18b',
      what: 'agent at 10 MB/s: CPU of one core',
      unit: '%',
      ours: values((it) => it.agentCpu * 100),
      goal: { better: 'lower', must: 15, aim: 5 },
      also: [
        { name: 'server', value: worst((it) => it.serverCpu) * 100, unit: '%' },
        { name: 'pass-through', value: median(values((it) => it.passThroughCpu)) * 100, unit: '%' },
      ],
    }),
  ];
}

/** What serving these writes costs before any of them is journaled. */
function measurePassThrough(context: BenchContext): Promise<number> {
  return withCleanups(async (cleanups) => {
    const dir = context.folder('paced-pass');
    const image = makeImage(join(dir, 'disk.raw'), VOLUME_BYTES);
    const { uri, pid } = await startPassThrough(image, dir, cleanups);
    const sampler = new Sampler([pid]);
    await writePaced(load(uri, context));
    return sampler.finish()[0]!.cpu;
  });
}

const load = (uri: string, { options }: BenchContext): PacedWrites => ({
  uri,
  bytesPerSecond: RATE_BYTES_PER_SECOND,
  writeBytes: WRITE_BYTES,
  seconds: Math.max(options.seconds, SECONDS_MIN),
});

function measure(context: BenchContext): Promise<Omit<PacedFigures, 'passThroughCpu'>> {
  return withCleanups(async (cleanups) => {
    const { profile } = context.options;
    const dir = context.folder('paced');
    const image = makeImage(join(dir, 'disk.raw'), VOLUME_BYTES);
    const profileDir = profile && join(profile, 'paced');
    const options = { image, dir, durability: 'async', profileDir, withTap: true } as const;
    const disk = await ProtectedDisk.start(options, cleanups);
    const { tap, agent, server } = disk;
    if (tap === undefined) throw new Error('started without a tap');
    await disk.settle();
    const firstN = tap.ackedN + 1;
    const sampler = new Sampler([agent.pid, server.pid]);
    const written = await writePaced(load(disk.uri, context));
    const [agentUse, serverUse] = sampler.finish();
    const lastN = firstN + written.answeredMs.length - 1;
    await waitFor('the last ack', STORED_TIMEOUT_MS, () => tap.ackedN >= lastN || undefined);
    if (tap.ackedN !== lastN) throw new Error(`ack of ${tap.ackedN} where ${lastN} was the last`);
    const lags = lagsOf(written.answeredMs, firstN, tap.acks);
    return {
      p50Ms: percentile(lags, 0.5),
      p99Ms: percentile(lags, 0.99),
      worstMs: percentile(lags, 1),
      bytesPerSecond: written.bytesPerSecond,
      agentCpu: agentUse!.cpu,
      serverCpu: serverUse!.cpu,
      agentRssBytes: agentUse!.rssBytes,
      serverRssBytes: serverUse!.rssBytes,
    };
  });
}

/**
 * The k-th answer belongs to the k-th record: one connection, and the agent answers in the order it
 * numbers. Stored before it was answered counts as 0.
 */
function lagsOf(answeredMs: readonly number[], firstN: number, acks: readonly SeenAck[]): number[] {
  let at = 0;
  return answeredMs.map((answered, index) => {
    while (acks[at]!.n < firstN + index) at += 1;
    return Math.max(0, acks[at]!.atMs - answered);
  });
}

interface Use {
  readonly cpu: number;
  readonly rssBytes: number;
}

/** Watches processes for a while: the share of a core, and the most memory seen. */
class Sampler {
  readonly #pids: readonly number[];
  readonly #first: readonly ProcessUsage[];
  readonly #rssBytes: number[];
  readonly #timer: NodeJS.Timeout;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
    this.#first = pids.map(readUsage);
    this.#rssBytes = this.#first.map(({ rssBytes }) => rssBytes);
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
  }

  finish(): Use[] {
    clearInterval(this.#timer);
    const last = this.#look();
    return this.#first.map((first, index) => ({
      cpu: cpuShare(first, last[index]!),
      rssBytes: this.#rssBytes[index]!,
    }));
  }

  #look(): ProcessUsage[] {
    const now = this.#pids.map(readUsage);
    for (const [index, { rssBytes }] of now.entries()) {
      this.#rssBytes[index] = Math.max(this.#rssBytes[index]!, rssBytes);
    }
    return now;
  }
}
