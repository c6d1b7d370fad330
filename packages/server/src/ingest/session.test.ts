import { encodeControl } from '@retrace/core';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentHello, ScriptedAgent } from '../testing/scripted-agent.js';
import { startTestServer, type TestServer } from '../testing/test-server.js';

const START = { mark: 'start', software: 'test' } as const;
const block = (fill: number, blocks = 1): Buffer => Buffer.alloc(4096 * blocks, fill);

const storedRecords = ({ journal }: TestServer, group = 'web-01'): number =>
  journal.groups().find(({ name }) => name === group)?.stream.records.length ?? 0;

it('welcomes an agent, stores its records in order and acknowledges them', async () => {
  const { journal, httpUrl } = await startTestServer(onTestFinished);
  const agent = await ScriptedAgent.open(httpUrl);
  const welcome = await agent.next('welcome');
  expect(welcome).toMatchObject({ protocol: 1, stored: { epoch: 0, n: 0 }, lastTimeUs: 0 });
  expect(welcome.acknowledgedLoss).toBe(false);
  agent.send(agent.mark(START));
  agent.send(agent.write(0, block(1)), agent.write(4096, block(2, 2)));
  await agent.acked();
  expect(journal.groupByName('web-01').stream.stored).toEqual({ epoch: 1, n: 3 });
});

it('acknowledges one commit with one message that releases all its bytes', async () => {
  const { journal, httpUrl } = await startTestServer(onTestFinished);
  const agent = await ScriptedAgent.open(httpUrl);
  journal.hold();
  let bytes = 0;
  for (let i = 0; i < 20; i++) {
    const frame = agent.frame(agent.write(0, block(i)));
    bytes += frame.length;
    agent.ws.send(frame);
  }
  agent.ws.send(encodeControl({ type: 'watermark', timeUs: Date.now() * 1000, epoch: 1, n: 20 }));
  await expect.poll(() => journal.groupByName('web-01').stream.newestWatermark?.n).toBe(20);
  journal.release();
  await agent.acked();
  const acks = agent.received.filter(({ type }) => type === 'ack');
  expect(acks).toEqual([{ type: 'ack', epoch: 1, n: 20, releasedBytes: bytes }]);
});

it('begins a new epoch within a session once everything before it is stored', async () => {
  const { journal, httpUrl } = await startTestServer(onTestFinished);
  const agent = await ScriptedAgent.open(httpUrl);
  journal.hold();
  agent.send(agent.mark(START));
  const old = agent.frame(agent.write(0, block(1)));
  agent.ws.send(old);
  agent.n = 0;
  Object.assign(agent.hello, { epoch: 2 });
  agent.send(agent.mark(START), agent.write(0, block(2)));
  journal.release();
  await agent.next('ack', ({ epoch, n }) => epoch === 2 && n === 2);
  const { records, holder } = journal.groupByName('web-01').stream;
  expect(records.map(({ epoch, record }) => [epoch, record.n])).toEqual([
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
  ]);
  expect(holder?.epoch).toBe(2);
  agent.ws.send(old);
  expect((await agent.next('error')).code).toBe('RECORD_INVALID');
});

it('acknowledges what is sent again and does not store it twice', async () => {
  const test = await startTestServer(onTestFinished);
  const agent = await ScriptedAgent.open(test.httpUrl);
  const frame = agent.frame(agent.mark(START), agent.write(0, block(1)));
  agent.ws.send(frame);
  await agent.acked();
  agent.ws.send(frame);
  await expect.poll(() => agent.received.filter(({ type }) => type === 'ack').length).toBe(2);
  expect(storedRecords(test)).toBe(2);
});

describe('who may append', () => {
  it('replaces the connection of the same instance, the old one first', async () => {
    const { journal, httpUrl } = await startTestServer(onTestFinished);
    const old = await ScriptedAgent.open(httpUrl);
    journal.hold();
    old.send(old.mark(START));
    await expect.poll(() => journal.groupByName('web-01').stream.holder).toBeDefined();
    const again = await ScriptedAgent.connect(httpUrl, old.hello);
    again.sendHello();
    expect((await old.next('error')).code).toBe('SESSION_REPLACED');
    expect(again.received).toEqual([]);
    journal.release();
    // What the old connection had handed over counts.
    expect((await again.next('welcome')).stored).toEqual({ epoch: 1, n: 1 });
    await old.closed;
  });

  it('fences an older agent and raises an alarm when a new one takes over', async () => {
    const { server, httpUrl } = await startTestServer(onTestFinished);
    const old = await ScriptedAgent.open(httpUrl);
    const other = { ...agentHello('web-01'), epoch: 7, sessionId: 'another' };
    await ScriptedAgent.open(httpUrl, other);
    expect(await old.next('error')).toMatchObject({ code: 'EPOCH_FENCED', epoch: 7 });
    const status = await server.app.inject('/v1/status');
    const { alarms } = status.json<{ alarms: { code: string }[] }>();
    expect(alarms.map(({ code }) => code)).toContain('HOLDER_CHANGED');
  });

  it('refuses a stale epoch and an equal one of another instance, naming the holder', async () => {
    const { httpUrl } = await startTestServer(onTestFinished);
    const holder = await ScriptedAgent.open(httpUrl, { epoch: 5 });
    for (const [epoch, code] of [
      [4, 'EPOCH_FENCED'],
      [5, 'EPOCH_TAKEN'],
    ] as const) {
      const other = await ScriptedAgent.connect(httpUrl, { ...agentHello('web-01'), epoch });
      other.sendHello();
      expect(await other.next('error')).toMatchObject({ code, epoch: 5 });
      await other.closed;
    }
    holder.send(holder.mark(START));
    await holder.acked();
  });

  it('refuses a group whose name stands for another one', async () => {
    const { httpUrl } = await startTestServer(onTestFinished);
    await ScriptedAgent.open(httpUrl);
    const hello = agentHello('web-01');
    const group = { ...hello.group, uuid: '11111111-0000-4000-8000-000000000000' };
    const other = await ScriptedAgent.connect(httpUrl, { ...hello, group, epoch: 9 });
    other.sendHello();
    expect((await other.next('error')).code).toBe('IDENTITY_CONFLICT');
  });

  it('tells an agent that was acknowledged more than there is, and raises an alarm', async () => {
    const { server, httpUrl } = await startTestServer(onTestFinished);
    const agent = await ScriptedAgent.open(httpUrl, { epoch: 3, acknowledged: { epoch: 2, n: 9 } });
    expect((await agent.next('welcome')).acknowledgedLoss).toBe(true);
    const status = await server.app.inject('/v1/status');
    expect(status.json<{ alarms: object[] }>().alarms).toMatchObject([
      { code: 'ACKNOWLEDGED_LOSS', group: 'web-01' },
    ]);
  });
});

describe('bad input', () => {
  const big = 41 * 1024 * 1024;
  const cases: readonly (readonly [string, string, (agent: ScriptedAgent) => void])[] = [
    ['a wrong magic', 'FRAME_INVALID', (agent) => agent.ws.send(Buffer.from('GET / HTTP/1.1'))],
    ['an empty message', 'FRAME_INVALID', (agent) => agent.ws.send(Buffer.alloc(0))],
    ['a text message', 'FRAME_INVALID', (agent) => agent.ws.send('hello')],
    ['an oversize message', 'FRAME_TOO_LARGE', (agent) => agent.ws.send(Buffer.alloc(big))],
    ['a second hello', 'FRAME_INVALID', (agent) => agent.sendHello()],
    [
      'a hole in n',
      'RECORD_HOLE',
      (agent) => {
        agent.n += 1;
        agent.send(agent.write(0, block(1)));
      },
    ],
    [
      'another record under a stored number',
      'RECORD_CONFLICT',
      (agent) => {
        agent.n -= 1;
        agent.send(agent.write(0, block(9)));
      },
    ],
    [
      'bytes that do not match their checksum',
      'RECORD_CHECKSUM',
      (agent) => {
        const frame = agent.frame(agent.write(0, block(1)));
        frame[frame.length - 1] = 0xff;
        agent.ws.send(frame);
      },
    ],
    [
      'a damaged header',
      'FRAME_CHECKSUM',
      (agent) => {
        const frame = agent.frame(agent.write(0, block(1)));
        frame[50] = (frame[50] ?? 0) ^ 1;
        agent.ws.send(frame);
      },
    ],
    ['a write past the end', 'RECORD_INVALID', (a) => a.send(a.write(1 << 20, block(1)))],
    ['half a block', 'RECORD_INVALID', (a) => a.send(a.write(100, block(1)))],
    [
      'a volume the hello does not name',
      'RECORD_INVALID',
      (a) => a.send(a.write(0, block(1), { volumeIndex: 3 })),
    ],
    ['a group mark on a volume', 'RECORD_INVALID', (a) => a.send(a.mark(START, 0))],
    ['a volume mark on the group', 'RECORD_INVALID', (a) => a.send(a.mark({ mark: 'sync-begin' }))],
  ];

  /** What is wrong with one record is told with the volume or group it concerns. */
  const NAMED = new Set(['RECORD_INVALID', 'RECORD_CHECKSUM']);

  it.each(cases)('%s ends the session as %s; nothing is stored', async (_name, code, send) => {
    const test = await startTestServer(onTestFinished);
    const good = await ScriptedAgent.open(test.httpUrl, agentHello('db-01'));
    const agent = await ScriptedAgent.open(test.httpUrl);
    agent.send(agent.mark(START));
    await agent.acked();
    send(agent);
    const error = await agent.next('error');
    expect(error.code).toBe(code);
    if (NAMED.has(code)) expect(error.message).toMatch(/^(volume web-01\/root|group web-01): /);
    await agent.closed;
    expect(storedRecords(test)).toBe(1);
    await expect
      .poll(async () => (await test.server.app.inject('/metrics')).body)
      .toContain('retrace_ingest_held_bytes 0\n');
    good.send(good.mark(START), good.write(0, block(1)));
    await good.acked();
  });

  it('anything but a hello first', async () => {
    const { httpUrl } = await startTestServer(onTestFinished);
    const agent = await ScriptedAgent.connect(httpUrl);
    agent.send(agent.mark(START));
    expect(await agent.next('error')).toMatchObject({ code: 'FRAME_INVALID' });
  });

  it('no hello at all', async () => {
    const { httpUrl } = await startTestServer(onTestFinished, { helloTimeoutMs: 50 });
    const agent = await ScriptedAgent.connect(httpUrl);
    expect((await agent.next('error')).message).toContain('no hello');
    await agent.closed;
  });

  it('a protocol nobody speaks', async () => {
    const { httpUrl } = await startTestServer(onTestFinished);
    const agent = await ScriptedAgent.connect(httpUrl, { protocolMin: 8, protocolMax: 9 });
    agent.sendHello();
    expect((await agent.next('error')).code).toBe('PROTOCOL_VERSION');
  });

  it('more than the credit allows', async () => {
    const { journal, httpUrl } = await startTestServer(onTestFinished, {
      sessionCreditBytes: 100_000,
    });
    const agent = await ScriptedAgent.open(httpUrl);
    journal.hold();
    for (let i = 0; i < 30; i++) agent.send(agent.write(0, block(i)));
    expect((await agent.next('error')).code).toBe('CREDIT_EXCEEDED');
  });

  it('one message larger than the credit, before it is whole', async () => {
    const { httpUrl } = await startTestServer(onTestFinished, { sessionCreditBytes: 100_000 });
    const agent = await ScriptedAgent.open(httpUrl);
    agent.send(agent.write(0, block(1, 200)));
    expect((await agent.next('error')).code).toBe('CREDIT_EXCEEDED');
  });

  it('a large message before the welcome', async () => {
    const { httpUrl } = await startTestServer(onTestFinished);
    const agent = await ScriptedAgent.connect(httpUrl);
    agent.ws.send(Buffer.alloc(10 * 1024 * 1024));
    await agent.closed;
    // The reason may be lost when the peer still sends: then the connection was cut.
    const code = agent.received[0]?.type === 'error' ? agent.received[0].code : 'FRAME_TOO_LARGE';
    expect(code).toBe('FRAME_TOO_LARGE');
  });

  it('half a message and silence', async () => {
    const { httpUrl } = await startTestServer(onTestFinished, { frameTimeoutMs: 60 });
    const agent = await ScriptedAgent.open(httpUrl);
    // The head of a masked binary frame of 4096 bytes, and four of them.
    const { _socket: socket } = agent.ws as unknown as { _socket: { write(b: Buffer): void } };
    socket.write(Buffer.from([0x82, 0xfe, 0x10, 0x00, 0, 0, 0, 0, 1, 2, 3, 4]));
    expect((await agent.next('error')).message).toContain('half a message');
    await agent.closed;
  });

  it('random bytes, as messages and as raw input', async () => {
    const test = await startTestServer(onTestFinished);
    const good = await ScriptedAgent.open(test.httpUrl, agentHello('db-01'));
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.boolean(),
        async (bytes, raw) => {
          const agent = await ScriptedAgent.open(test.httpUrl, { epoch: 1 });
          const { _socket: socket } = agent.ws as unknown as {
            _socket: { end(b: Uint8Array): void };
          };
          if (raw) socket.end(bytes);
          else agent.ws.send(bytes);
          await agent.closed;
          const error = agent.received.find(({ type }) => type === 'error');
          if (!raw) expect(error).toBeDefined();
          test.journal.groupByName('web-01').stream.holder = undefined;
        },
      ),
      { numRuns: 60 },
    );
    expect(storedRecords(test)).toBe(0);
    good.send(good.mark(START));
    await good.acked();
  });
});
