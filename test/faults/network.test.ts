import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatTime, systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { describe, expect, it } from 'vitest';
import {
  digestExport,
  firstDifference,
  gapReasons,
  groupStatus,
  type Protection,
  protect,
  readExport,
  resolveInstant,
  resolveRefusal,
  type SeededRandom,
  seededRandom,
  startTcpProxy,
  type TcpProxy,
  timeline,
  waitFor,
  waitStored,
} from '../lib/index.js';
import { FlushedWriter } from '../lib/load/flushed-writer.js';

const VOLUME = 'web-01/root';
const MIB = 1 << 20;
const BLOCK = 4096;

interface Bridged extends Protection {
  readonly proxy: TcpProxy;
}

async function protectBehindProxy(
  sizeBytes: number,
  durability: 'async' | 'flush',
): Promise<Bridged> {
  let proxy: TcpProxy | undefined;
  const here = await protect({
    disks: [{ name: 'root', sizeBytes, durability }],
    serverUrl: async ({ http }) => {
      const { hostname, port } = new URL(http);
      proxy = await startTcpProxy({ host: hostname, port: Number(port) });
      return `http://${proxy.address}`;
    },
  });
  return { ...here, proxy: proxy! };
}

/** Numbered writes, round robin over the blocks: any prefix of them can be told from its image. */
class NumberedWriter {
  readonly #client: NbdClient;
  readonly #blocks: number;
  count = 0;

  constructor(client: NbdClient, blocks: number) {
    this.#client = client;
    this.#blocks = blocks;
  }

  async write(): Promise<void> {
    this.count++;
    const bytes = Buffer.alloc(BLOCK);
    bytes.writeUInt32LE(this.count, 0);
    await this.#client.write((this.count % this.#blocks) * BLOCK, bytes);
  }

  /** The disk after so many of them. */
  imageAfter(count: number): Buffer {
    const image = Buffer.alloc(this.#blocks * BLOCK);
    for (let n = 1; n <= count; n++) image.writeUInt32LE(n, (n % this.#blocks) * BLOCK);
    return image;
  }
}

/** Nothing lost, nothing twice, in order: record after record is the next write. */
async function expectEveryWriteOnce(
  { server }: Protection,
  writer: NumberedWriter,
  fromSeq: number,
  toSeq: number,
  random: SeededRandom,
): Promise<void> {
  const { buckets } = await timeline(server, VOLUME, { from: `seq:${fromSeq}`, bucketMs: '1000' });
  expect(buckets.reduce((sum, { writes }) => sum + writes, 0)).toBe(writer.count);
  const counts: number[] = [];
  const seqs = Array.from({ length: 40 }, () => random.integer(fromSeq, toSeq));
  for (const seq of [fromSeq, ...seqs.sort((a, b) => a - b), toSeq]) {
    const image = await readExport(server.exportUri(`${VOLUME}@seq:${seq}`));
    const numbers = Array.from({ length: image.length / BLOCK }, (_, block) =>
      image.readUInt32LE(block * BLOCK),
    );
    const count = Math.max(...numbers);
    expect(firstDifference(image, writer.imageAfter(count))).toBeUndefined();
    counts.push(count);
  }
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(counts[0]).toBe(0);
  expect(counts.at(-1)).toBe(writer.count);
}

/** What a network does to those who use it. */
const TROUBLES: Readonly<Record<string, (proxy: TcpProxy, random: SeededRandom) => Promise<void>>> =
  {
    'cut again and again': async (proxy, random) => {
      for (let i = 0; i < 8; i++) {
        await sleep(random.integer(5, 120));
        proxy.cut();
        await sleep(random.integer(5, 60));
        proxy.heal();
      }
    },
    slow: async (proxy) => {
      proxy.slow(200_000);
      await sleep(1500);
      proxy.heal();
    },
    delayed: async (proxy) => {
      proxy.delay(80);
      await sleep(1500);
      proxy.cut();
      proxy.heal();
      await sleep(200);
    },
    'half-open, and late packets of the old connection': async (proxy) => {
      await sleep(100);
      proxy.halfOpen();
      // The agent finds out by itself that nobody answers any more.
      await waitFor(() => proxy.connectionCount > 1, {
        what: 'a new connection of the agent',
        timeoutMs: 40_000,
      });
      await sleep(300);
      proxy.thaw();
    },
  };

describe('a network between agent and server', () => {
  it.each(Object.keys(TROUBLES))(
    'that is %s: every write once, in order',
    async (name) => {
      const random = seededRandom();
      const here = await protectBehindProxy(64 * BLOCK, 'async');
      const { seq: fromSeq } = await resolveInstant(here.server, `${VOLUME}@latest`);
      const client = await NbdClient.connect(here.agent.uri('root'));
      const writer = new NumberedWriter(client, 64);
      let isOver = false;
      const trouble = TROUBLES[name]!(here.proxy, random).finally(() => {
        isOver = true;
      });
      while (!isOver) {
        for (let i = 0; i < 10; i++) await writer.write();
        // Slow enough for 15 s of it to fit the agent's queue.
        await sleep(15);
      }
      await trouble;
      await client.flush();
      await client.close();
      await waitStored(here.server, here.machine, systemClock.nowUs(), 30_000);
      const { seq: toSeq } = await resolveInstant(here.server, `${VOLUME}@latest`);
      await expectEveryWriteOnce(here, writer, fromSeq, toSeq, random);
      expect(await gapReasons(here.server, VOLUME)).toEqual([]);
    },
    90_000,
  );

  it('loses no flush that was answered while it was there', async () => {
    const random = seededRandom();
    const here = await protectBehindProxy(MIB, 'flush');
    const image = Buffer.alloc(MIB);
    const writer = await FlushedWriter.start(here.agent.uri('root'), image, random);
    for (let i = 0; i < 4; i++) {
      await sleep(random.integer(20, 200));
      here.proxy.cut();
      const answered = writer.points.length - 1;
      await sleep(random.integer(10, 300));
      here.proxy.heal();
      await waitStored(here.server, here.machine, systemClock.nowUs());
      for (const { doneUs, hash } of writer.points.slice(Math.max(0, answered - 2))) {
        if (doneUs > ((await groupStatus(here.server, here.machine)).watermark?.timeUs ?? 0)) break;
        const view = here.server.exportUri(`${VOLUME}@${formatTime(doneUs)}`);
        expect(await digestExport(view)).toBe(hash);
      }
    }
    await writer.stop();
    // A flush never waited longer than its 2 s, and some.
    expect(Math.max(...writer.points.map(({ tookMs }) => tookMs))).toBeLessThan(4000);
  }, 60_000);
});

const QUEUE_BYTES = 64 * MIB;
const ROOM_WAIT_MS_MAX = 5000;

describe('a server that is away until the queue is full', () => {
  it('costs the guest 5 s at most, a gap and a copy, and no other instant', async () => {
    const random = seededRandom();
    const sizeBytes = 16 * MIB;
    const here = await protectBehindProxy(sizeBytes, 'async');
    const { agent, server, machine, proxy } = here;
    const client = await NbdClient.connect(agent.uri('root'));
    await client.write(0, random.bytes(MIB));
    const beforeUs = systemClock.nowUs();
    await waitStored(server, machine, beforeUs);
    const before = await digestExport(server.exportUri(`${VOLUME}@${formatTime(beforeUs)}`));

    proxy.cut();
    const pattern = random.bytes(MIB);
    const tookMs: number[] = [];
    for (let written = 0; written < QUEUE_BYTES + 24 * MIB; written += MIB) {
      const startMs = performance.now();
      pattern.writeUInt32LE(written, 0);
      await client.write(written % sizeBytes, pattern);
      tookMs.push(performance.now() - startMs);
    }
    const longest = Math.max(...tookMs);
    expect(longest).toBeGreaterThan(ROOM_WAIT_MS_MAX - 1000);
    expect(longest).toBeLessThan(ROOM_WAIT_MS_MAX + 1500);
    const after = tookMs.slice(tookMs.indexOf(longest) + 1);
    expect(after.length).toBeGreaterThan(8);
    expect(Math.max(...after)).toBeLessThan(2000);
    await agent.waitState('root', 'resync-needed');
    const inGapUs = systemClock.nowUs();

    proxy.heal();
    await agent.waitState('root', 'protected', 60_000);
    await waitStored(server, machine, systemClock.nowUs());
    expect(await gapReasons(server, VOLUME)).toEqual(['queue-given-up']);
    const latest = await readExport(server.exportUri(`${VOLUME}@latest`));
    expect(firstDifference(latest, readFileSync(here.disk('root')))).toBeUndefined();
    expect(await digestExport(server.exportUri(`${VOLUME}@${formatTime(beforeUs)}`))).toBe(before);
    const refusal = await resolveRefusal(server, `${VOLUME}@${formatTime(inGapUs)}`);
    expect(refusal).toMatchObject({ code: 'INSTANT_IN_GAP', exit: 3 });
    await client.write(0, Buffer.alloc(BLOCK, 1));
    const afterUs = systemClock.nowUs();
    await client.close();
    await waitStored(server, machine, afterUs);
    const found = await readExport(server.exportUri(`${VOLUME}@${formatTime(afterUs)}`));
    expect(found.subarray(0, BLOCK).equals(Buffer.alloc(BLOCK, 1))).toBe(true);
  }, 120_000);
});
