import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeControl, encodeDataFrame, RECORD_KIND } from '@retrace/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../test/lib/seeded-random.js';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { silentLogger } from '../system/logger.js';
import { AgentBench, until } from '../testing/agent-bench.js';
import { FakeServer } from '../testing/fake-server.js';

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

const error = (code: string, epoch = 0): Buffer =>
  encodeControl({ type: 'error', code, message: 'the test says so', epoch });

describe('a session', () => {
  it('goes on where it was after every cut, with nothing lost, twice or out of order', async () => {
    const agent = await bench.startProtected({ limits: { frameBytesMax: 20_000 } });
    const client = await bench.client(agent);
    const random = seededRandom();
    for (let i = 0; i < 150; i++) {
      await client.write(random.integer(0, 700) * 4096, random.bytes(4096));
      if (i % 20 === 7) server.cut();
      server.behaviour.acks = i % 40 < 30;
    }
    server.behaviour.acks = true;
    server.cut();
    await bench.drained(agent);
    expect(server.hellos.length).toBeGreaterThan(3);
    expect(bench.journal().equals(bench.disk())).toBe(true);
    expect(agent.volumes[0]!.state).toBe('protected');
    expect(server.marks.filter(({ mark }) => mark.mark === 'gap-open')).toEqual([]);
    await client.close();
  });

  it('is not there at first: the disk is served, and everything follows in order', async () => {
    await server.away();
    const agent = await bench.start();
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(8192, 1));
    await client.flush();
    expect(agent.connected).toBe(false);
    await server.back();
    await until(() => agent.volumes[0]!.state === 'protected');
    expect(bench.journal().equals(bench.disk())).toBe(true);
    expect(server.stored[0]!.kind).toBe(RECORD_KIND.mark);
    expect(server.marks.map(({ mark }) => mark.mark)).toEqual([
      'start',
      'sync-begin',
      'sync-complete',
    ]);
    await client.close();
  });

  it('gives out no time before the last the server has', async () => {
    server.behaviour.lastTimeUs = Date.now() * 1000 + 3_600_000_000;
    const agent = await bench.startProtected();
    for (const record of server.stored) {
      expect(record.timeUs).toBeGreaterThanOrEqual(server.behaviour.lastTimeUs);
    }
    expect(agent.volumes[0]!.state).toBe('protected');
  });

  it('tells a watermark that no later record reaches back to', async () => {
    const agent = await bench.startProtected({ limits: { watermarkMs: 20 } });
    const client = await bench.client(agent);
    const seen: { timeUs: number; at: number }[] = [];
    for (let i = 0; i < 60; i++) {
      await client.write(4096 * i, Buffer.alloc(4096, i));
      const marks = server.messages.filter(({ type }) => type === 'watermark');
      const last = marks.at(-1);
      if (last?.type === 'watermark') seen.push({ timeUs: last.timeUs, at: last.n });
    }
    await until(() => server.messages.some((m) => m.type === 'watermark' && m.n >= 60));
    for (const { timeUs, at } of seen) {
      const later = server.stored.filter((record) => record.n > at);
      for (const record of later) expect(record.timeUs).toBeGreaterThan(timeUs);
    }
    await client.close();
  });

  it('puts a bookmark into the stream and says where', async () => {
    await bench.startProtected();
    server.send({ type: 'bookmark-request', request: 7, name: 'before-upgrade' });
    await until(() => server.messages.some(({ type }) => type === 'bookmark-done'));
    const done = server.messages.find((message) => message.type === 'bookmark-done');
    const mark = server.stored.find(({ payload }) => payload.includes('before-upgrade'));
    expect(done).toMatchObject({ request: 7, error: '', n: mark!.n, timeUs: mark!.timeUs });
  });
});

describe('a server that refuses the connection', () => {
  it('is asked again, and what it said is logged once', async () => {
    const statuses = [401, 401, 403, 500];
    const refusing = createServer();
    let asked = 0;
    refusing.on('upgrade', (_, socket) => {
      socket.end(`HTTP/1.1 ${statuses[asked++] ?? 500} No\r\n\r\n`);
    });
    await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
    const { port } = refusing.address() as AddressInfo;
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (facts: object) => void warnings.push(facts) };
    const agent = await bench.start({ server: `http://127.0.0.1:${port}`, logger });
    await until(() => asked > 4);
    expect(warnings.slice(0, 3)).toEqual([
      { why: 'the server wants a token, or does not know this one (HTTP 401)' },
      { why: 'the token does not allow this machine (HTTP 403)' },
      { why: 'the server refused the connection (HTTP 500)' },
    ]);
    await agent.stop({ timeoutMs: 1 });
    refusing.close();
  });
});

describe('a server that lost what it had acknowledged', () => {
  it('gets a new epoch, a gap and a full copy', async () => {
    const agent = await bench.startProtected();
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(65_536, 1));
    await client.flush();
    server.stored = server.stored.slice(0, 4);
    server.position = { epoch: 1, n: 4 };
    server.cut();
    await until(() => server.marks.some(({ mark }) => mark.mark === 'gap-open'));
    await until(() => agent.volumes[0]!.state === 'protected');
    const gap = server.marks.find(({ mark }) => mark.mark === 'gap-open');
    expect(gap).toMatchObject({ epoch: 2, mark: { reason: 'acknowledged-loss' } });
    expect(bench.journal().equals(bench.disk())).toBe(true);
    expect(server.hellos.at(-1)!.acknowledged).toEqual({ epoch: 1, n: 4 });
    await client.close();
  });

  it('and so does one that never says it, record after record being in conflict', async () => {
    const agent = await bench.startProtected();
    server.behaviour.onFrame = (frame, socket) => {
      if (frame.epoch > 1) return undefined;
      socket.send(error('RECORD_CONFLICT'));
      return 'handled';
    };
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(4096, 1));
    await until(() => server.position.epoch === 2);
    await until(() => agent.volumes[0]!.state === 'protected');
    expect(bench.journal().equals(bench.disk())).toBe(true);
    await client.close();
  });
});

describe('another agent with the same identity', () => {
  const fence = (code: string): void => {
    server.behaviour.onHello = (hello, socket) => {
      if (hello.epoch > 9) return undefined;
      socket.send(error(code, 9));
      return 'handled';
    };
  };

  it.each(['EPOCH_FENCED', 'EPOCH_TAKEN'])('%s: the disk is served, no more', async (code) => {
    fence(code);
    const agent = await bench.start();
    await until(() => agent.volumes[0]!.reason.startsWith(code));
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(4096, 3));
    await client.flush();
    expect(bench.disk()[0]).toBe(3);
    expect(agent.volumes[0]!.state).toBe('resync-needed');
    expect(agent.queued.records).toBe(0);
    await client.close();
    const result = await agent.stop();
    expect(result.volumes[0]).toMatchObject({ clean: false });
    expect(server.hellos.length).toBe(1);
  });

  it('is fenced when told so, once, and the whole volume is copied', async () => {
    fence('EPOCH_FENCED');
    const agent = await bench.startProtected({ takeOver: true });
    expect(server.hellos.map(({ epoch, takeOver }) => [epoch, takeOver])).toEqual([
      [1, true],
      [10, true],
    ]);
    expect(server.marks.find(({ mark }) => mark.mark === 'gap-open')!.mark).toMatchObject({
      reason: 'state-lost',
    });
    // The other takes over in turn: this one gives way for good.
    server.behaviour.onHello = (_, socket) => {
      socket.send(error('EPOCH_FENCED', 99));
      return 'handled';
    };
    server.cut();
    await until(() => agent.volumes[0]!.reason.startsWith('EPOCH_FENCED'));
    expect(server.hellos.length).toBe(3);
  });
});

describe('a server that makes no sense', () => {
  const nonsense: [string, () => Buffer | string | object][] = [
    ['text', () => 'hello'],
    ['random bytes', () => seededRandom().bytes(2000)],
    ['nothing', () => Buffer.alloc(0)],
    ['too much', () => Buffer.alloc(200_000)],
    ['a data frame', () => encodeDataFrame(1 as never, [])],
    ['an ack of what was never sent', () => ({ type: 'ack', epoch: 1, n: 9e9, releasedBytes: 1 })],
    ['an ack of an epoch to come', () => ({ type: 'ack', epoch: 8, n: 1, releasedBytes: 1 })],
    ['a negative ack', () => ({ type: 'ack', epoch: 1, n: -4, releasedBytes: 1 })],
    ['a bookmark without a name', () => ({ type: 'bookmark-request', request: 1, name: '../..' })],
    ['an unknown error', () => ({ type: 'error', code: 'WHAT', message: '', epoch: 0 })],
  ];

  it.each(nonsense)('%s: reconnected, no guest hurt, nothing lost', async (_, message) => {
    const agent = await bench.startProtected();
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(4096, 1));
    const hellos = server.hellos.length;
    server.send(message());
    await until(() => server.hellos.length > hellos);
    await client.write(4096, Buffer.alloc(4096, 2));
    await client.flush();
    await bench.drained(agent);
    expect(bench.journal().equals(bench.disk())).toBe(true);
    expect(agent.volumes[0]!.state).toBe('protected');
    await client.close();
  });

  it('duplicate and late acks are nothing new', async () => {
    const agent = await bench.startProtected();
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(4096, 1));
    await client.flush();
    server.send({ type: 'ack', epoch: 1, n: 1, releasedBytes: 0 });
    server.ack();
    server.ack();
    await client.write(4096, Buffer.alloc(4096, 2));
    await client.flush();
    expect(server.hellos.length).toBe(1);
    await client.close();
  });

  it('a welcome full of lies, for ever, harms nobody', async () => {
    server.behaviour.onHello = (_, socket) => {
      socket.send(
        encodeControl({
          type: 'welcome',
          protocol: 1,
          serverUuid: 'x',
          stored: { epoch: Number.MAX_SAFE_INTEGER, n: 1 },
          lastTimeUs: Number.MAX_SAFE_INTEGER,
          creditBytes: 1,
          acknowledgedLoss: false,
        }),
      );
      return 'handled';
    };
    const agent = await bench.start();
    await until(() => server.hellos.length > 5);
    const client = await bench.client(agent);
    await client.write(0, Buffer.alloc(4096, 1));
    await client.flush();
    await client.close();
    server.behaviour.onHello = undefined;
    await until(() => agent.volumes[0]!.state === 'protected');
    expect(bench.journal().equals(bench.disk())).toBe(true);
  });
});

describe('a slow server', () => {
  it('has never more under way than its credit, but for one frame alone', async () => {
    server.behaviour.creditBytes = 50_000;
    server.behaviour.acks = false;
    let underWay = 0;
    let most = 0;
    server.behaviour.onFrame = (frame) => {
      const bytes = encodeDataFrame(frame.epoch, frame.records).length;
      underWay += bytes;
      if (frame.records.length > 1) most = Math.max(most, underWay);
      setImmediate(() => {
        underWay = 0;
        server.ack();
      });
      return undefined;
    };
    const agent = await bench.startProtected({ limits: { copyChunkBytes: 16_384 } });
    expect(most).toBeLessThanOrEqual(50_000);
    expect(bench.journal().equals(bench.disk())).toBe(true);
    expect(agent.volumes[0]!.state).toBe('protected');
  });

  it('that answers nothing degrades flushes after the limit, says so, and comes back', async () => {
    const agent = await bench.startProtected({ limits: { durabilityWaitMsMax: 60 } });
    const client = await bench.client(agent);
    server.behaviour.acks = false;
    await client.write(0, Buffer.alloc(4096, 1));
    await client.flush();
    expect(agent.volumes[0]).toMatchObject({ durability: 'flush', durabilityInForce: 'async' });
    server.behaviour.acks = true;
    await until(() => server.connections > 0);
    server.ack();
    await until(() => agent.volumes[0]!.durabilityInForce === 'flush');
    await bench.drained(agent);
    const changes = server.marks.flatMap(({ mark }) =>
      mark.mark === 'durability-change' ? [mark.inForce] : [],
    );
    expect(changes).toEqual(['async', 'flush']);
    await client.close();
  });

  it('and a full queue: waited for, then given up, gap, and a full copy on return', async () => {
    const limits = { queueBytesMax: 1 << 20, roomWaitMsMax: 80, durabilityWaitMsMax: 50 };
    const agent = await bench.startProtected({ limits });
    const client = await bench.client(agent);
    await server.away();
    const beginMs = performance.now();
    for (let i = 0; i < 40; i++) await client.write(i * 65_536, Buffer.alloc(65_536, i + 1));
    expect(performance.now() - beginMs).toBeGreaterThan(75);
    expect(agent.volumes[0]!.state).toBe('resync-needed');
    expect(agent.queued).toEqual({ records: 0, bytes: 0 });
    await server.back();
    await until(() => agent.volumes[0]!.state === 'protected');
    const gap = server.marks.find(({ mark }) => mark.mark === 'gap-open');
    expect(gap).toMatchObject({ epoch: 2, mark: { reason: 'queue-given-up' } });
    expect(bench.journal().equals(bench.disk())).toBe(true);
    await client.close();
  });

  it('that goes silent is noticed by the heartbeat', async () => {
    const limits = { heartbeatMs: 20, silenceMsMax: 60 };
    const agent = await bench.startProtected({ limits });
    // A dead path: pings arrive nowhere, and no close either.
    server.mute();
    await until(() => server.hellos.length > 1);
    await bench.drained(agent);
    expect(agent.volumes[0]!.state).toBe('protected');
  });
});
