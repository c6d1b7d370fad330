import { NbdClient } from '@retrace/nbd';
import { describe, expect, it } from 'vitest';
import {
  describeWith,
  firstDifference,
  type Protection,
  protect,
  readExport,
  repetitions,
  resolveInstant,
  type SeededRandom,
  seededRandom,
} from '../lib/index.js';
import { applyLogEntry } from '../lib/recorders/log-writes.js';
import { startRecordingNbdServer } from '../lib/recorders/nbd-server.js';
import { startRecordingQemu } from '../lib/recorders/qemu.js';
import { type Request, send } from '../lib/requests/request.js';

const SIZE_BYTES = 1 << 20;
const SECTOR = 512;
const FLUSHES = repetitions(25, 400);
const REQUESTS_MAX = 12;

/** Whole sectors: the recorders know nothing smaller. Trims in whole blocks: see what is left. */
function randomRequest(random: SeededRandom): Request {
  const kind = random.pick(['write', 'write', 'write', 'write', 'zero', 'trim'] as const);
  const unit = kind === 'trim' ? 4096 : SECTOR;
  const first = random.integer(0, SIZE_BYTES / unit - 1);
  const count = random.integer(1, Math.min(48, SIZE_BYTES / unit - first));
  const place = { offset: first * unit, length: count * unit };
  if (kind !== 'write') return { kind, ...place };
  return { kind, ...place, content: random.uint32(), fua: random.chance(0.1) };
}

/** One client that sends each request to both, and tells after each flush. */
async function driveBoth(
  uris: readonly [string, string],
  random: SeededRandom,
  afterFlush: () => Promise<void>,
): Promise<void> {
  const clients = await Promise.all(uris.map((uri) => NbdClient.connect(uri)));
  const both = async (request: Request): Promise<void> => {
    await Promise.all(clients.map((client) => send(client, request)));
  };
  for (let flush = 0; flush < FLUSHES; flush++) {
    const count = random.integer(1, REQUESTS_MAX);
    for (let i = 0; i < count; i++) await both(randomRequest(random));
    await both({ kind: 'flush' });
    await afterFlush();
  }
  await Promise.all(clients.map((client) => client.close()));
}

/** The flush has been answered, so the newest instant is the flush's own record. */
async function newestSeq({ server, machine }: Protection): Promise<number> {
  return (await resolveInstant(server, `${machine}/root@latest`)).seq;
}

const DISK = { name: 'root', sizeBytes: SIZE_BYTES };

describe('an independent recorder of the same requests', () => {
  describeWith(['root', 'nbd-server', 'nbdinfo'], 'nbd-server with nbd-trplay', () => {
    it('agrees at every flush', async () => {
      const random = seededRandom();
      const here = await protect({ disks: [DISK] });
      const recorder = await startRecordingNbdServer(SIZE_BYTES);
      let flushes = 0;
      await driveBoth([here.agent.uri('root'), recorder.uri], random, async () => {
        const seq = await newestSeq(here);
        const view = await readExport(here.server.exportUri(`${here.machine}/root@seq:${seq}`));
        expect(firstDifference(view, await recorder.replay())).toBeUndefined();
        flushes++;
      });
      expect(flushes).toBe(FLUSHES);
    }, 120_000);
  });

  describeWith(['qemu-storage-daemon'], "QEMU's blklogwrites", () => {
    it('agrees at every flush, also long after', async () => {
      const random = seededRandom();
      const here = await protect({ disks: [DISK] });
      const recorder = await startRecordingQemu(SIZE_BYTES);
      // QEMU may make a flush of its own out of a FUA: so flushes are known by where they stand.
      const flushes: { seq: number; entries: number }[] = [];
      await driveBoth([here.agent.uri('root'), recorder.uri], random, async () => {
        const entries = recorder.entries();
        expect(entries.at(-1)).toMatchObject({ isFlush: true });
        flushes.push({ seq: await newestSeq(here), entries: entries.length });
      });
      const image = Buffer.alloc(SIZE_BYTES);
      const log = recorder.entries();
      let done = 0;
      for (const { seq, entries } of flushes) {
        for (const entry of log.slice(done, entries)) applyLogEntry(image, entry);
        done = entries;
        const view = await readExport(here.server.exportUri(`${here.machine}/root@seq:${seq}`));
        expect(firstDifference(view, image)).toBeUndefined();
      }
      expect(flushes).toHaveLength(FLUSHES);
    }, 120_000);
  });
});
