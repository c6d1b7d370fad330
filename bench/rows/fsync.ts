import { join } from 'node:path';
import type { BenchContext } from '../context.js';
import { runFio } from '../fio/fio.js';
import type { FioLatency } from '../fio/report.js';
import { makeImage } from '../peers/image.js';
import { startPassThrough } from '../peers/pass-through.js';
import { type Line, line } from '../report/line.js';
import { ProtectedDisk } from '../retrace/protected-disk.js';
import { alternate } from '../statistics/rounds.js';
import { median } from '../statistics/summary.js';
import { withCleanups } from '../system/cleanups.js';

const VOLUME_BYTES = 128 * 2 ** 20;

/** Row 19: a flush after each write; in mode `flush` it waits for the journal as well. */
export function row19(context: BenchContext): Promise<Line[]> {
  return withCleanups(async (cleanups) => {
    const { profile, runs } = context.options;
    const dir = context.folder('fsync');
    const image = (name: string): string => makeImage(join(dir, `${name}.raw`), VOLUME_BYTES);
    const pass = await startPassThrough(image('pass'), dir, cleanups);
    const profileDir = profile && join(profile, 'fsync');
    const disk = await ProtectedDisk.start(
      { image: image('retrace'), dir, durability: 'flush', profileDir },
      cleanups,
    );
    const rounds = await alternate(runs, {
      retrace: () => flushes(context, disk.uri),
      pass: () => flushes(context, pass.uri),
    });
    const values = (name: 'retrace' | 'pass', of: (it: FioLatency) => number): number[] =>
      rounds[name].map(of);
    return [
      line({
        row: '19',
        what: 'fsync in mode flush, p99: journal / pass-through',
        unit: 'us',
        ours: values('retrace', (it) => it.p99Us),
        peer: values('pass', (it) => it.p99Us),
        peerName: 'pass-through',
        goal: { better: 'lower', must: 3, aim: 1.5 },
        also: [
          { name: 'p50', value: median(values('retrace', (it) => it.p50Us)), unit: 'us' },
          { name: 'pass-through p50', value: median(values('pass', (it) => it.p50Us)), unit: 'us' },
        ],
      }),
    ];
  });
}

async function flushes(context: BenchContext, uri: string): Promise<FioLatency> {
  const result = await runFio(
    {
      uri,
      rw: 'randwrite',
      blockBytes: 4096,
      depth: 1,
      areaBytes: VOLUME_BYTES,
      seconds: context.options.seconds,
      isTimed: true,
      fsyncEvery: 1,
    },
    context.workDir,
  );
  if (result.flushLatency === undefined) throw new Error('fio sent no flush');
  return result.flushLatency;
}
