import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  firstDifference,
  type Protection,
  protect,
  type RetraceResult,
  readExport,
  requireDebian,
  resolveInstant,
  retrace,
  run,
  seededRandom,
  tempDir,
  waitStored,
} from '../lib/index.js';

const SIZE_BYTES = 3 * (1 << 20) + 1536;
const VOLUME = 'web-01/root';

describe('the commands', () => {
  let here: Protection;

  beforeAll(async () => {
    here = await protect({ disks: [{ name: 'root', sizeBytes: SIZE_BYTES }] });
    const random = seededRandom();
    const client = await NbdClient.connect(here.agent.uri('root'));
    for (let i = 0; i < 50; i++) {
      const length = random.integer(1, 40_000);
      await client.write(random.integer(0, SIZE_BYTES - length), random.bytes(length));
      if (i % 10 === 9) await client.flush();
    }
    await client.trim(1 << 20, 1 << 19);
    await client.flush();
    await client.close();
    await waitStored(here.server, here.machine, systemClock.nowUs());
  });

  const json = async (...args: string[]): Promise<RetraceResult> =>
    retrace([...args, '--json'], { server: here.server.http, accept: [0] });

  it('status tells server, agent and volumes', async () => {
    const status = (await json('status')).json;
    expect(status).toMatchObject({
      server: { tokensRequired: false, problems: [], dataDir: here.server.dataDir },
      groups: [
        {
          name: 'web-01',
          agent: { connected: true },
          volumes: [{ volume: VOLUME, state: 'protected', sizeBytes: SIZE_BYTES }],
        },
      ],
      alarms: [],
    });
    const text = await retrace(['status'], { server: here.server.http });
    expect(text.stdout).toContain(VOLUME);
  });

  it('volumes gives the list of the contract', async () => {
    const [volume] = (await json('volumes')).json as Record<string, unknown>[];
    expect(volume).toMatchObject({ volume: VOLUME, sizeBytes: SIZE_BYTES, state: 'protected' });
    for (const field of ['horizon', 'latest', 'rpoMs']) expect(volume).toHaveProperty(field);
    expect((await json('volumes', VOLUME)).json).toHaveLength(1);
  });

  it('timeline counts what was written', async () => {
    const { buckets } = (await json('timeline', VOLUME, '--bucket', '1s')).json as {
      buckets: { writes: number; trims: number; flushes: number }[];
    };
    const sum = (of: 'writes' | 'trims' | 'flushes'): number =>
      buckets.reduce((total, bucket) => total + bucket[of], 0);
    // The first copy of an empty disk may be records too.
    expect(sum('writes')).toBeGreaterThanOrEqual(50);
    expect(sum('flushes')).toBe(6);
    expect(sum('trims')).toBeGreaterThanOrEqual(1);
  });

  it('bookmark names an instant that resolve finds', async () => {
    const made = (await json('bookmark', 'web-01', 'before-upgrade')).json;
    expect(made).toMatchObject({ group: 'web-01', name: 'before-upgrade', consistency: 'crash' });
    const found = (await json('resolve', `${VOLUME}@bookmark:before-upgrade`)).json;
    expect(found).toMatchObject({ seq: (made as { seq: number }).seq, state: 'crash' });
    const { bookmarks } = (await json('timeline', VOLUME)).json as { bookmarks: unknown[] };
    expect(bookmarks).toContainEqual(expect.objectContaining({ name: 'before-upgrade' }));
  });

  it('export writes a sparse image that equals the view', async () => {
    const { seq } = await resolveInstant(here.server, `${VOLUME}@latest`);
    const view = await readExport(here.server.exportUri(`${VOLUME}@seq:${seq}`));
    const file = join(tempDir(), 'out.raw');
    const { json: told } = await json('export', `${VOLUME}@seq:${seq}`, file);
    expect(told).toMatchObject({ file, format: 'raw', bytes: SIZE_BYTES });
    expect(firstDifference(readFileSync(file), view)).toBeUndefined();
    expect(firstDifference(view, readFileSync(here.disk('root')))).toBeUndefined();
    const again = await retrace(['export', `${VOLUME}@latest`, file], {
      server: here.server.http,
    });
    expect(again.exit).not.toBe(0);
    expect(existsSync(`${file}.partial`)).toBe(false);
  });

  it.skipIf(!requireDebian('qemu-img'))(
    'export makes a sound qcow2 image of the view',
    async () => {
      const { seq } = await resolveInstant(here.server, `${VOLUME}@latest`);
      const name = `${VOLUME}@seq:${seq}`;
      const file = join(tempDir(), 'out.qcow2');
      const { json: told } = await json('export', name, file, '--format', 'qcow2');
      expect(told).toMatchObject({ file, format: 'qcow2', bytes: SIZE_BYTES, seq });
      await run('qemu-img', ['check', '-f', 'qcow2', file]);
      const formats = ['-f', 'qcow2', '-F', 'raw'];
      await run('qemu-img', ['compare', ...formats, file, here.server.exportUri(name)]);
      await run('qemu-img', ['compare', ...formats, file, here.disk('root')]);
      expect(existsSync(`${file}.partial`)).toBe(false);
    },
  );

  it('verify finds nothing wrong, with and without the server', async () => {
    expect((await json('verify')).json).toMatchObject({ ok: true, problems: [] });
    expect((await json('verify', VOLUME)).json).toMatchObject({ ok: true, problems: [] });
    await here.agent.program.stop();
    await here.server.program.stop();
    const { exit, json: told } = await retrace(['verify', '--data', here.server.dataDir, '--json']);
    expect(told).toMatchObject({ ok: true, problems: [] });
    expect(exit).toBe(0);
  });

  it('doctor says what is well and what is not', async () => {
    const { exit, json: told } = await retrace(['doctor', '--json'], {
      server: 'http://127.0.0.1:1',
    });
    expect([0, 1]).toContain(exit);
    expect(JSON.stringify(told)).toMatch(/ok|warn|fail/);
  });
});
