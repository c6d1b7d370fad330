import { existsSync, linkSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../test/lib/seeded-random.js';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { openDisk } from '../backing/open-disk.js';
import { AgentBench, until } from '../testing/agent-bench.js';
import { FakeServer } from '../testing/fake-server.js';
import { MemoryDisk, systemError } from '../testing/memory-disk.js';

let server: FakeServer;
let bench: AgentBench;

beforeEach(async () => {
  server = await FakeServer.start();
  bench = new AgentBench(tempDir(), server);
});

afterEach(async () => {
  await bench.end();
  expect(server.problems).toEqual([]);
});

const gaps = (): string[] =>
  server.marks.flatMap(({ mark }) => (mark.mark === 'gap-open' ? [mark.reason] : []));
const copies = (): number => server.marks.filter(({ mark }) => mark.mark === 'sync-begin').length;

describe('a clean stop', () => {
  it('is recorded, and the next start goes on without gap or copy', async () => {
    const first = await bench.startProtected();
    const client = await bench.client(first);
    await client.write(4096, Buffer.alloc(4096, 1));
    await client.close();
    const result = await first.stop();
    expect(result).toMatchObject({ volumes: [{ volume: 'm/v', clean: true }], unsentRecords: 0 });
    expect(server.marks.at(-1)!.mark.mark).toBe('clean-stop');
    const second = await bench.start();
    await until(() => second.connected);
    await bench.drained(second);
    expect(second.volumes[0]!.state).toBe('protected');
    expect([gaps(), copies()]).toEqual([[], 1]);
    expect(server.hellos.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(server.hellos[1]!.sessionId).toBe(server.hellos[0]!.sessionId);
    expect(server.hellos[1]!.instanceId).not.toBe(server.hellos[0]!.instanceId);
  });

  it('counts once: its mark is gone before the volume is served again', async () => {
    await (await bench.startProtected()).stop();
    const mark = join(bench.folder, 'state', 'clean-v');
    expect(existsSync(mark)).toBe(true);
    const second = await bench.startProtected();
    expect(existsSync(mark)).toBe(false);
    server.behaviour.acks = false;
    const result = await second.stop({ timeoutMs: 1 });
    expect(result.volumes[0]!.clean).toBe(false);
    server.behaviour.acks = true;
    await bench.startProtected();
    expect(gaps()).toEqual(['unclean-stop']);
  });

  it.each([
    ['written to', () => writeFileSync(bench.image, 'x', { flag: 'r+' })],
    ['touched', () => utimesSync(bench.image, 1, 1)],
    ['resized', () => truncateSync(bench.image, 4 << 20)],
  ])('does not help a disk that was %s since', async (_, change) => {
    await (await bench.startProtected()).stop();
    change();
    const agent = await bench.start();
    expect(agent.volumes[0]!.state).toBe('resync-needed');
    await until(() => agent.volumes[0]!.state === 'protected');
    expect(gaps()).toEqual(['changed-while-stopped']);
    const size = bench.disk().length;
    expect(bench.journal().subarray(0, size).equals(bench.disk())).toBe(true);
  });

  it('does not help when the journal is another one', async () => {
    await (await bench.startProtected()).stop();
    server.behaviour.serverUuid = '99999999-9999-4999-8999-999999999999';
    const agent = await bench.start();
    expect(agent.volumes[0]!.state).toBe('protected');
    await until(() => gaps().length > 0 && agent.volumes[0]!.state === 'protected');
    expect(gaps()).toEqual(['state-lost']);
    expect(copies()).toBe(2);
  });

  it('is none without the journal: it says what is left', async () => {
    const agent = await bench.startProtected();
    await server.away();
    const result = await agent.stop({ timeoutMs: 60 });
    expect(result.volumes[0]).toMatchObject({ clean: false, state: 'protected' });
    expect(result.unsentRecords).toBeGreaterThan(0);
    await server.back();
    const next = await bench.startProtected();
    expect(gaps()).toEqual(['unclean-stop']);
    expect(next.volumes[0]!.state).toBe('protected');
  });

  it('is overruled by resync', async () => {
    await (await bench.startProtected()).stop();
    const agent = await bench.startProtected({ resync: ['v'] });
    expect(gaps()).toEqual(['resync-requested']);
    expect(agent.volumes[0]!.reason).toBe('the full copy is complete');
  });
});

describe('a full copy', () => {
  it('of a disk that is written to all the while ends equal to it', async () => {
    const random = seededRandom();
    server.behaviour.creditBytes = 100_000;
    const agent = await bench.start({ limits: { copyChunkBytes: 65_536 } });
    const client = await bench.client(agent);
    let writes = 0;
    while (agent.volumes[0]!.state !== 'protected' || writes < 100) {
      const length = random.integer(1, 20_000);
      const offset = random.integer(0, bench.disk().length - length);
      const what = random.integer(0, 9);
      if (what < 2) await client.trim(offset, length);
      else if (what < 4) await client.writeZeroes(offset, length);
      else await client.write(offset, random.bytes(length));
      writes += 1;
    }
    await bench.drained(agent);
    expect(bench.journal().equals(bench.disk())).toBe(true);
    await client.close();
  });

  it('sends holes and zeros as ranges', async () => {
    await bench.startProtected();
    const copied = server.stored.filter(({ flags }) => flags === 2);
    const bytes = copied.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(bytes).toBe(3 << 20);
    expect(copied.some(({ length }) => length > 4 << 20)).toBe(true);
  });

  it('that cannot read the disk is tried again, and the guest is served', async () => {
    const disk = new MemoryDisk(Buffer.alloc(1 << 20, 7));
    disk.fault = (call) => (call === 'read' ? systemError('EIO') : undefined);
    const agent = await bench.start({ openDisk: () => disk, limits: { copyRetryMs: 30 } });
    await until(() => agent.volumes[0]!.reason.includes('copy failed'));
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(4096, 8));
    disk.fault = () => undefined;
    await until(() => agent.volumes[0]!.state === 'protected');
    expect(
      bench
        .journal()
        .subarray(0, 1 << 20)
        .equals(disk.bytes),
    ).toBe(true);
    await client.close();
  });
});

describe('one writer', () => {
  it('may write while its connection lives, and others read', async () => {
    const agent = await bench.startProtected();
    const writer = await bench.client(agent);
    const reader = await bench.client(agent);
    expect([writer.info.readOnly, reader.info.readOnly]).toEqual([false, true]);
    await expect(reader.write(0, Buffer.alloc(512))).rejects.toMatchObject({ errno: 1 });
    await writer.close();
    await until(() => true);
    const next = await bench.client(agent);
    expect(next.info.readOnly).toBe(false);
    await next.close();
    await reader.close();
  });
});

describe('two volumes', () => {
  it('share one order, and one clean stop', async () => {
    const other = join(bench.folder, 'other');
    writeFileSync(other, Buffer.alloc(1 << 20, 1));
    const volumes = [
      { name: 'v', path: bench.image },
      { name: 'w', path: other },
    ];
    const agent = await bench.startProtected({ volumes });
    const [a, b] = [await bench.client(agent, 0), await bench.client(agent, 1)];
    for (let i = 0; i < 40; i++) await (i % 2 === 0 ? a : b).write(0, Buffer.alloc(4096, i + 2));
    await bench.drained(agent);
    const order = server.stored
      .filter(({ kind, flags }) => kind === 1 && flags === 0)
      .map(({ volumeIndex, payload }) => [volumeIndex, payload[0]]);
    expect(order).toEqual(Array.from({ length: 40 }, (_, i) => [i % 2, i + 2]));
    await Promise.all([a.close(), b.close()]);
    const { volumes: outcomes } = await agent.stop();
    expect(outcomes.map(({ clean }) => clean)).toEqual([true, true]);
    const alone = await bench.startProtected({ volumes: volumes.slice(0, 1) });
    await alone.stop();
    const both = await bench.start({ volumes });
    expect(both.volumes.map(({ state }) => state)).toEqual(['protected', 'resync-needed']);
    await until(() => both.volumes.every(({ state }) => state === 'protected'));
    expect(gaps()).toEqual(['unclean-stop']);
  });
});

describe('a start that cannot be', () => {
  const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

  it.each([
    ['VOLUME_NOT_FOUND', () => [{ name: 'v', path: join(bench.folder, 'nowhere') }]],
    ['VOLUME_NOT_FOUND', () => [{ name: 'v', path: bench.folder }]],
    ['CONFIG_INVALID', () => []],
    ['NAME_INVALID', () => [{ name: 'V!', path: bench.image }]],
    ['LISTEN_REFUSED', () => [{ name: 'v', path: bench.image, listen: '0.0.0.0:10809' }]],
    ['CONFIG_INVALID', () => [{ name: 'v', path: bench.image, listen: 'here' }]],
  ])('%s', async (code, volumes) => {
    await expect(bench.start({ volumes: volumes() })).rejects.toThrow(refused(code));
    // Nothing is left behind: the next start works.
    await bench.startProtected();
  });

  it('VOLUME_IN_USE, for one file under two names, and STATE_LOCKED', async () => {
    const twin = join(bench.folder, 'twin');
    linkSync(bench.image, twin);
    const volumes = [
      { name: 'v', path: bench.image },
      { name: 'w', path: twin },
    ];
    await expect(bench.start({ volumes })).rejects.toThrow(refused('VOLUME_IN_USE'));
    await bench.start();
    await expect(bench.start()).rejects.toThrow(refused('STATE_LOCKED'));
    const stateDir = join(bench.folder, 'state2');
    await expect(bench.start({ stateDir })).rejects.toThrow(refused('VOLUME_IN_USE'));
  });

  it('VOLUME_SIZE, for an empty file', () => {
    const path = join(bench.folder, 'empty');
    writeFileSync(path, '');
    expect(() => openDisk(path)).toThrow(refused('VOLUME_SIZE'));
  });

  it('STATE_INVALID, with the state of another machine', async () => {
    await (await bench.startProtected()).stop();
    await expect(bench.start({ machine: 'other' })).rejects.toThrow(refused('STATE_INVALID'));
  });

  it('PORT_IN_USE', async () => {
    const agent = await bench.start();
    const path = join(bench.folder, 'other');
    writeFileSync(path, Buffer.alloc(8192));
    mkdirSync(join(bench.folder, 's2'));
    const listen = `unix:${join(bench.folder, 'state', 'v.sock')}`;
    const options = { stateDir: join(bench.folder, 's2'), volumes: [{ name: 'v', path, listen }] };
    await expect(bench.start(options)).rejects.toThrow(refused('PORT_IN_USE'));
    expect(agent.volumes[0]!.uri).toContain('v.sock');
  });
});

describe('lost state', () => {
  it('is never taken for clean: gap, copy, a new session id', async () => {
    await (await bench.startProtected()).stop();
    writeFileSync(join(bench.folder, 'state', 'clean-v'), 'garbage');
    const agent = await bench.startProtected();
    expect(gaps()).toEqual(['state-lost']);
    expect(agent.volumes[0]!.state).toBe('protected');
  });
});
