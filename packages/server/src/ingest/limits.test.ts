import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { encodeControl } from '@retrace/core';
import { expect, it, onTestFinished } from 'vitest';
import { agentHello, ScriptedAgent } from '../testing/scripted-agent.js';
import { startTestServer, type TestServer } from '../testing/test-server.js';

const START = { mark: 'start', software: 'test' } as const;
const MIB = 1 << 20;

const alarms = async ({ server }: TestServer): Promise<string[]> =>
  (await server.app.inject('/v1/status'))
    .json<{ alarms: { code: string }[] }>()
    .alarms.map(({ code }) => code);

const metric = async ({ server }: TestServer, name: string): Promise<number> => {
  const { body } = await server.app.inject('/metrics');
  const line = body.split('\n').find((each) => each.startsWith(name));
  return Number(line?.split(' ').at(-1));
};

it('holds no more than the budget and a credit, whatever the number of agents', async () => {
  const limits = { ingestBytesMax: 4 * MIB, sessionCreditBytes: 2 * MIB };
  const test = await startTestServer(onTestFinished, limits);
  const agents = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      ScriptedAgent.open(test.httpUrl, agentHello(`vm-${i}`, 64 * MIB)),
    ),
  );
  test.journal.hold();
  for (const agent of agents) {
    agent.send(agent.mark(START));
    agent.send(agent.write(0, Buffer.alloc(MIB, 1)));
    agent.send(agent.write(0, Buffer.alloc(MIB / 2, 2)));
  }
  await expect.poll(() => metric(test, 'retrace_ingest_paused_sessions')).toBeGreaterThan(0);
  const most = limits.ingestBytesMax + limits.sessionCreditBytes + agents.length * 65_536;
  for (let i = 0; i < 20; i++) {
    expect(await metric(test, 'retrace_ingest_held_bytes')).toBeLessThanOrEqual(most);
  }
  test.journal.release();
  // Everyone gets on in the end.
  await Promise.all(agents.map((agent) => agent.acked()));
  await expect.poll(() => metric(test, 'retrace_ingest_held_bytes')).toBe(0);
});

it('half messages that fill the budget do not keep another agent from its turn', async () => {
  const test = await startTestServer(onTestFinished, {
    ...{ ingestBytesMax: MIB, sessionCreditBytes: 2 * MIB, frameTimeoutMs: 300 },
  });
  const hostile = await Promise.all(
    Array.from({ length: 4 }, (_, i) => ScriptedAgent.open(test.httpUrl, agentHello(`bad-${i}`))),
  );
  const good = await ScriptedAgent.open(test.httpUrl, agentHello('good'));
  for (const { ws } of hostile) {
    const { _socket: socket } = ws as unknown as { _socket: Socket };
    const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x18, 0, 0, 0, 0, 0, 0]);
    socket.write(Buffer.concat([head, Buffer.alloc(MIB / 2)]));
  }
  good.send(good.mark(START), good.write(0, Buffer.alloc(MIB / 2, 1)));
  await good.acked();
  await Promise.all(hostile.map((agent) => agent.closed));
  expect(await metric(test, 'retrace_ingest_held_bytes')).toBe(0);
});

it('refuses sessions over the limit by name, and takes them again later', async () => {
  const { httpUrl } = await startTestServer(onTestFinished, { sessionsMax: 2 });
  const [one] = [
    await ScriptedAgent.open(httpUrl, agentHello('a')),
    await ScriptedAgent.open(httpUrl, agentHello('b')),
  ];
  await expect(ScriptedAgent.connect(httpUrl)).rejects.toThrow(/HTTP 503 .*SERVER_BUSY/);
  await one.close();
  await expect
    .poll(() =>
      ScriptedAgent.open(httpUrl, agentHello('c')).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
});

it('cuts a connection over which nothing comes, not one that answers pings', async () => {
  const test = await startTestServer(onTestFinished, { pingIntervalMs: 40, silenceTimeoutMs: 400 });
  const quiet = await ScriptedAgent.open(test.httpUrl, agentHello('quiet'));
  const dead = await ScriptedAgent.open(test.httpUrl, agentHello('dead'));
  const { _socket: socket } = dead.ws as unknown as { _socket: Socket };
  socket.pause();
  const isConnected = async (name: string): Promise<boolean | undefined> =>
    (await test.server.app.inject('/v1/status'))
      .json<{ groups: { name: string; agent: { connected: boolean } }[] }>()
      .groups.find((group) => group.name === name)?.agent.connected;
  await expect.poll(() => isConnected('dead'), { timeout: 5000 }).toBe(false);
  expect(await isConnected('quiet')).toBe(true);
  socket.resume();
  await quiet.close();
});

it('raises an alarm about an agent that is silent or gone, and ends it', async () => {
  const test = await startTestServer(onTestFinished, {
    agentSilentAlarmMs: 60,
    agentAwayAlarmMs: 60,
  });
  const agent = await ScriptedAgent.open(test.httpUrl);
  agent.send(agent.mark(START));
  await expect.poll(() => alarms(test)).toEqual(['AGENT_SILENT']);
  await agent.close();
  await expect.poll(() => alarms(test)).toEqual(['AGENT_GONE']);
  const back = await ScriptedAgent.open(test.httpUrl, agent.hello);
  const beat = (): void => {
    back.ws.send(encodeControl({ type: 'watermark', timeUs: Date.now() * 1000, epoch: 1, n: 1 }));
  };
  const timer = setInterval(beat, 10);
  onTestFinished(() => clearInterval(timer));
  await expect.poll(() => alarms(test)).toEqual([]);
  clearInterval(timer);
  back.ws.send(encodeControl({ type: 'goodbye', reason: 'test' }));
  expect(await back.closed).toBe(1000);
});

it('raw garbage and half requests end by themselves, answered where possible', async () => {
  const test = await startTestServer(onTestFinished, { headersTimeoutMs: 200 });
  const { hostname, port } = new URL(test.httpUrl);
  const send = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port) });
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString('latin1');
      });
      socket.on('error', () => undefined);
      socket.once('close', () => resolve(answer));
      socket.write(text);
    });
  expect(await send('\u0000\u0001garbage\r\n\r\n')).toContain('400');
  expect(await send(`GET /healthz HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).toContain('431');
  const upgrade = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  expect(await send(`GET /elsewhere HTTP/1.1\r\n${upgrade}`)).toContain('ROUTE_UNKNOWN');
  expect(await send(`GET /v1/agent HTTP/1.1\r\n${upgrade}`)).toContain('400');
  const startMs = performance.now();
  expect(await send('GET / HTT')).toContain('408');
  expect(performance.now() - startMs).toBeLessThan(5000);
});
