import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { NbdClient } from '@retrace/nbd';
import type { BenchContext } from '../context.js';
import { type FioJob, runFio } from '../fio/fio.js';
import { makeImage } from '../peers/image.js';
import { startNbdkit } from '../peers/nbdkit.js';
import { type Line, line } from '../report/line.js';
import { ProtectedDisk, VOLUME } from '../retrace/protected-disk.js';
import { RetraceServer } from '../retrace/server.js';
import { alternate } from '../statistics/rounds.js';
import { withCleanups } from '../system/cleanups.js';
import { dropFromCache } from '../system/page-cache.js';

const VOLUME_BYTES = 128 * 2 ** 20;
const BLOCK_BYTES = 4096;
const COPY_BYTES = 2 ** 20;

interface PastInstant {
  readonly dataDir: string;
  readonly exportName: string;
}

/** Row 10: random reads of a past instant, warm and cold, against nbdkit on a copy of the image. */
export async function row10(context: BenchContext): Promise<Line[]> {
  const dir = context.folder('past');
  const past = await makeHistory(context, dir);
  const plain = join(dir, 'plain.raw');
  await copyInstant(past, dir, plain);
  return await withCleanups(async (cleanups) => {
    const { profile, runs } = context.options;
    const peer = await startNbdkit(plain, dir, cleanups);
    const warm = await withCleanups(async (inner) => {
      const profileDir = profile && join(profile, 'past');
      const server = await RetraceServer.start(past.dataDir, dir, profileDir);
      inner.add(() => server.program.stop());
      const uri = server.uri(past.exportName);
      await Promise.all([uri, peer.uri].map((each) => readThrough(each)));
      return await alternate(runs, {
        retrace: () => randomReads(context, uri, true),
        nbdkit: () => randomReads(context, peer.uri, true),
      });
    });
    const cold = await alternate(runs, {
      retrace: () => coldReads(context, past, dir),
      nbdkit: async () => {
        await dropFromCache(plain);
        return await randomReads(context, peer.uri, false);
      },
    });
    return [
      line({
        row: '10',
        what: '4 KiB random reads of a past instant, qd 16, warm',
        unit: 'IOPS',
        ours: warm.retrace,
        peer: warm.nbdkit,
        peerName: 'nbdkit file',
        goal: { better: 'higher', must: 0.4, aim: 0.8 },
      }),
      line({
        row: '10c',
        what: 'the same, cold: nothing cached in server or kernel',
        unit: 'IOPS',
        ours: cold.retrace,
        peer: cold.nbdkit,
        peerName: 'nbdkit file',
      }),
    ];
  });
}

/** A volume that was written to before and after the instant that will be read. */
function makeHistory(context: BenchContext, dir: string): Promise<PastInstant> {
  return withCleanups(async (cleanups) => {
    const image = makeImage(join(dir, 'disk.raw'), VOLUME_BYTES);
    const disk = await ProtectedDisk.start({ image, dir, durability: 'async' }, cleanups);
    const write = (): Promise<unknown> => runFio(randomJob(context, disk.uri, true), dir);
    await write();
    const { seq } = await disk.settle();
    await write();
    await disk.settle();
    return { dataDir: disk.dataDir, exportName: `${VOLUME}@seq:${seq}` };
  });
}

const randomJob = (context: BenchContext, uri: string, isWrite: boolean): FioJob => ({
  uri,
  rw: isWrite ? 'randwrite' : 'randread',
  blockBytes: BLOCK_BYTES,
  depth: 16,
  areaBytes: VOLUME_BYTES,
  seconds: context.options.seconds,
  isTimed: true,
  endFsync: isWrite,
});

/** What a plain image of the instant would hold, so that both sides read the same bytes. */
function copyInstant(past: PastInstant, dir: string, target: string): Promise<void> {
  return withCleanups(async (cleanups) => {
    const server = await RetraceServer.start(past.dataDir, dir);
    cleanups.add(() => server.program.stop());
    const client = await NbdClient.connect(server.uri(past.exportName));
    const file = await open(target, 'w');
    for (let at = 0; at < VOLUME_BYTES; at += COPY_BYTES) {
      await file.write(await client.read(at, COPY_BYTES), 0, COPY_BYTES, at);
    }
    await file.sync();
    await file.close();
    await client.close();
  });
}

/** Reads everything once: from then on what can be cached is. */
async function readThrough(uri: string): Promise<void> {
  const client = await NbdClient.connect(uri);
  for (let at = 0; at < VOLUME_BYTES; at += COPY_BYTES) await client.read(at, COPY_BYTES);
  await client.close();
}

/** Timed, or else each block once at most (what was read is cached from then on). */
async function randomReads(context: BenchContext, uri: string, isTimed: boolean): Promise<number> {
  const result = await runFio({ ...randomJob(context, uri, false), isTimed }, context.workDir);
  return (result.requests / result.runtimeMs) * 1000;
}

/** With a server that has just started, and its files out of the page cache. */
function coldReads(context: BenchContext, past: PastInstant, dir: string): Promise<number> {
  return withCleanups(async (cleanups) => {
    await dropFromCache(past.dataDir);
    const server = await RetraceServer.start(past.dataDir, dir);
    cleanups.add(() => server.program.stop());
    await dropFromCache(past.dataDir);
    return await randomReads(context, server.uri(past.exportName), false);
  });
}
