import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeControl, systemClock } from '@retrace/core';
import { Journal, silentLogger } from '@retrace/journal';
import { NbdClient } from '@retrace/nbd';
import { expect, it, onTestFinished } from 'vitest';
import { openTokenStore } from './auth/open-token-store.js';
import { type StartedServer, type StartOptions, startServer } from './start-server.js';
import { agentHello, ScriptedAgent } from './testing/scripted-agent.js';
import { memoryLogger } from './testing/test-server.js';

const makeDir = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'retrace-start-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
};

const start = async (
  dataDir: string,
  options: Partial<StartOptions> = {},
): Promise<StartedServer> => {
  const server = await startServer({
    ...{ dataDir, listen: '127.0.0.1:0', nbd: ['127.0.0.1:0'] },
    ...{ logger: memoryLogger([]), version: '0.0.0-test' },
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
};

const block = (fill: number): Buffer => Buffer.alloc(4096, fill);

/** What an agent that protects a new volume of its hello sends first. */
const sendFirstCopy = (agent: ScriptedAgent): void => {
  agent.send(
    agent.mark({ mark: 'start', software: 'test' }),
    agent.define(agent.hello.group),
    agent.define(agent.hello.volumes[0]!, 0),
    agent.mark({ mark: 'gap-open', reason: 'state-lost' }, 0),
    agent.mark({ mark: 'sync-begin' }, 0),
    agent.write(0, block(1)),
    agent.mark({ mark: 'sync-complete' }, 0),
  );
};

const watermark = (agent: ScriptedAgent): void =>
  agent.ws.send(
    encodeControl({
      ...{ type: 'watermark', timeUs: systemClock.nowUs() },
      ...{ epoch: agent.hello.epoch, n: agent.n },
    }),
  );

it('carries a write from the agent to a view over NBD, and across a restart', async () => {
  const dataDir = await makeDir();
  const server = await start(dataDir);
  const agent = await ScriptedAgent.open(server.httpUrl);
  sendFirstCopy(agent);
  await agent.acked();
  const copied = agent.n;
  agent.send(agent.write(0, block(2)), agent.write(8192, block(3)));
  await agent.acked();
  watermark(agent);
  const get = async (url: string) =>
    (await fetch(`${server.httpUrl}${url}`)).json() as Promise<object>;
  await expect
    .poll(() => get('/v1/volumes'))
    .toMatchObject([
      { volume: 'web-01/root', horizon: { seq: copied }, latest: { seq: copied + 2 } },
    ]);
  expect(await get('/v1/resolve?target=web-01/root@latest')).toMatchObject({
    ...{ volume: 'web-01/root', seq: copied + 2, state: 'crash', exact: true },
    name: `seq:${copied + 2}`,
  });
  expect(await get('/v1/resolve?target=web-01/root@seq:2')).toMatchObject({
    error: { code: 'INSTANT_BEFORE_HORIZON', exit: 3 },
  });
  const timeline = await get('/v1/timeline?volume=web-01/root');
  expect(timeline).toMatchObject({ buckets: [{ writes: 3 }] });
  const contents = async (name: string, of: StartedServer): Promise<number[]> => {
    const client = await NbdClient.connect(`${of.nbdUris[0]}/${name}`);
    const bytes = await client.read(0, 12_288);
    await client.close();
    return [bytes[0]!, bytes[4096]!, bytes[8192]!];
  };
  expect(await contents(`web-01/root@seq:${copied}`, server)).toEqual([1, 0, 0]);
  expect(await contents('web-01/root', server)).toEqual([2, 0, 3]);
  await agent.close();
  await server.close();

  const again = await start(dataDir);
  expect(await contents(`web-01/root@seq:${copied}`, again)).toEqual([1, 0, 0]);
  expect(await contents(`scratch:web-01/root@seq:${copied + 2}`, again)).toEqual([2, 0, 3]);
  const hello = { ...agent.hello, acknowledged: { epoch: 1, n: agent.n } };
  const back = await ScriptedAgent.open(again.httpUrl, hello);
  expect(await back.next('welcome')).toMatchObject({
    ...{ stored: { epoch: 1, n: agent.n }, acknowledgedLoss: false },
  });
});

it('acknowledges what it has accepted before it closes', async () => {
  const dataDir = await makeDir();
  const server = await start(dataDir);
  const agent = await ScriptedAgent.open(server.httpUrl);
  sendFirstCopy(agent);
  await agent.acked();
  for (let i = 0; i < 50; i++) agent.send(agent.write(0, block(i)));
  await agent.acked(agent.n - 25);
  await server.close();
  expect(agent.received.at(-1)).toMatchObject({ type: 'error', code: 'JOURNAL_CLOSED' });
  const acks = agent.received.filter((message) => message.type === 'ack');
  const journal = await Journal.open({ dataDir, clock: systemClock, logger: silentLogger });
  onTestFinished(() => journal.close());
  const { stored } = journal.groupByName('web-01').stream;
  expect(stored.n).toBeGreaterThanOrEqual(acks.at(-1)?.n ?? 0);
});

it('says what to do when a port is in use, and lets go of everything', async () => {
  const dataDir = await makeDir();
  const first = await start(dataDir);
  const { host } = new URL(first.httpUrl);
  const second = await makeDir();
  await expect(start(second, { listen: host })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(`${host}: stop it, or choose another`) as string,
  });
  const nbd = new URL(first.nbdUris[0] ?? '').host;
  await expect(start(second, { nbd: [nbd] })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  await start(second);
  await expect(start(dataDir)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
});

it('listens on loopback and unix sockets only', async () => {
  const dataDir = await makeDir();
  for (const options of [
    { listen: '0.0.0.0:0' },
    { listen: '[::]:0' },
    { nbd: ['0.0.0.0:0'] },
    { nbd: ['192.0.2.1:10809'] },
  ]) {
    await expect(start(dataDir, options)).rejects.toMatchObject({ code: 'LISTEN_REFUSED' });
  }
  await expect(start(dataDir, { listen: 'nonsense' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  expect(await readdir(dataDir)).toEqual([]);
  const socket = join(await makeDir(), 'nbd.sock');
  const server = await start(dataDir, { nbd: [`unix:${socket}`] });
  expect(server.nbdUris).toEqual([`nbd+unix:///?socket=${socket}`]);
  expect(await NbdClient.list(server.nbdUris[0] ?? '')).toEqual([]);
});

it('tokens made without a server are wanted by the next one', async () => {
  const dataDir = await makeDir();
  const lines: Record<string, unknown>[] = [];
  const open = await start(dataDir, { logger: memoryLogger(lines) });
  expect(JSON.stringify(lines)).toContain('listening without tokens');
  await open.close();
  const journal = await Journal.open({ dataDir, clock: systemClock, logger: silentLogger });
  const tokens = openTokenStore(journal.metadata, systemClock);
  const agent = await tokens.create('agent', 'web-01');
  const viewer = await tokens.create('viewer', undefined);
  await journal.close();
  const server = await start(dataDir);
  expect((await fetch(`${server.httpUrl}/v1/status`)).status).toBe(401);
  const headers = { authorization: `Bearer ${viewer.token}` };
  expect((await fetch(`${server.httpUrl}/v1/status`, { headers })).status).toBe(200);
  await ScriptedAgent.open(server.httpUrl, agentHello('web-01'), agent.token);
});
