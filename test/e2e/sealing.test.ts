import { join } from 'node:path';
import { formatTime, systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { expect, it } from 'vitest';
import { digest } from '../lib/export-bytes.js';
import { serverStatus, timeline } from '../lib/history.js';
import {
  digestExport,
  protect,
  type RunningServer,
  resolveInstant,
  restartServer,
  retrace,
  seededRandom,
  waitFor,
  waitStored,
} from '../lib/index.js';

const VOLUME = 'web-01/root';
const SIZE_BYTES = 4 << 20;
const BLOCK_BYTES = 4096;
const WRITES = 600;

interface State {
  readonly seq: number;
  readonly hash: string;
}

/** A figure of the server's metrics. */
const metric = async ({ http }: RunningServer, name: string): Promise<number> => {
  const text = await (await fetch(`${http}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`retrace_${name} `));
  return Number(line?.split(' ')[1]);
};

const expectStates = async (server: RunningServer, states: readonly State[]): Promise<void> => {
  for (const { seq, hash } of states) {
    const found = await digestExport(server.exportUri(`${VOLUME}@seq:${seq}`));
    expect({ seq, found }).toEqual({ seq, found: hash });
  }
};

it('history reads the same from log and layers, while it moves and after a restart', async () => {
  const random = seededRandom();
  const here = await protect({
    disks: [{ name: 'root', sizeBytes: SIZE_BYTES, durability: 'async' }],
    server: { sealsEagerly: true },
  });
  let { server } = here;
  const client = await NbdClient.connect(here.agent.uri('root'));
  const image = Buffer.alloc(SIZE_BYTES);
  const states: State[] = [];
  for (let i = 1; i <= WRITES; i++) {
    const length = random.integer(1, 6) * BLOCK_BYTES;
    const offset = random.integer(0, (SIZE_BYTES - length) / BLOCK_BYTES) * BLOCK_BYTES;
    if (i % 10 === 0) {
      await client.trim(offset, length);
      image.fill(0, offset, offset + length);
    } else {
      const bytes = random.bytes(length);
      await client.write(offset, bytes);
      bytes.copy(image, offset);
    }
    if (i % 20 !== 0) continue;
    await client.flush();
    await waitStored(server, here.machine, systemClock.nowUs());
    const { seq } = await resolveInstant(server, `${VOLUME}@latest`);
    states.push({ seq, hash: digest(image) });
    await expectStates(server, [random.pick(states)]);
  }
  await waitFor(async () => (await metric(server, 'layers')) >= 10, { what: 'ten layers' });
  await expectStates(server, states);
  const now = systemClock.nowUs();
  const span = { from: formatTime(now - 600e6), to: formatTime(now), bucketMs: '1000' };
  const drawn = await timeline(server, VOLUME, span);
  const sum = drawn.buckets.reduce((total, { writes }) => total + writes, 0);
  expect(sum).toBeGreaterThanOrEqual(WRITES * 0.9);

  await server.program.kill('SIGKILL');
  server = await restartServer(server);
  expect((await serverStatus(server)).server.problems).toEqual([]);
  expect(await metric(server, 'index_extents')).toBeLessThan(WRITES / 4);
  await expectStates(server, states);
  expect((await timeline(server, VOLUME, span)).buckets).toEqual(drawn.buckets);

  await client.close();
  await here.agent.program.stop();
  await server.program.stop();
  const verified = await retrace(['verify', '--data', server.dataDir, '--json']);
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, problems: [] });
  const layer = join(server.dataDir, 'layers', '0000000001.layer');
  const inspected = await retrace(['inspect', layer, '--json']);
  const facts = JSON.parse(inspected.stdout) as { kind: string; parts: { what: string }[] };
  expect(facts).toMatchObject({ kind: 'a layer: a sealed part of the history', damagedParts: 0 });
  const kinds = [...new Set(facts.parts.map(({ what }) => what))].join();
  expect(kinds).toBe('layer-header,layer,layer-volume,layer-group,layer-records');
}, 120_000);
