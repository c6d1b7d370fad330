import { encodeControl } from '@retrace/core';
import { expect, it, onTestFinished } from 'vitest';
import { ScriptedAgent } from '../testing/scripted-agent.js';
import { startTestServer, type TestServer } from '../testing/test-server.js';

const START = { mark: 'start', software: 'test' } as const;

/** A server with one volume that is consistent from seq:2 on, and its agent. */
const withVolume = async (): Promise<TestServer & { readonly agent: ScriptedAgent }> => {
  const test = await startTestServer(onTestFinished);
  const agent = await ScriptedAgent.open(test.httpUrl);
  agent.send(agent.mark(START), agent.mark({ mark: 'sync-complete' }, 0));
  agent.send(agent.write(4096, Buffer.alloc(4096, 7)));
  await agent.acked();
  return { ...test, agent };
};

it('healthz is always fine; readyz names what is not', async () => {
  const { server, journal } = await startTestServer(onTestFinished);
  expect((await server.app.inject('/healthz')).json()).toEqual({ ok: true });
  expect((await server.app.inject('/readyz')).json()).toEqual({ ok: true, problems: [] });
  journal.damages.push({ code: 'CORRUPTION', message: 'segment 3 is damaged', place: 'log/3' });
  const ready = await server.app.inject('/readyz');
  expect(ready.statusCode).toBe(503);
  expect(ready.json()).toMatchObject({ ok: false, problems: [{ code: 'CORRUPTION' }] });
});

it('metrics tell of ingest, volumes and the process', async () => {
  const { server, agent } = await withVolume();
  agent.ws.send(
    encodeControl({ type: 'watermark', timeUs: Date.now() * 1000, epoch: 1, n: agent.n }),
  );
  await expect
    .poll(async () => (await server.app.inject('/metrics')).body)
    .toContain('retrace_volume_rpo_seconds{volume="web-01/root"}');
  const { body, headers } = await server.app.inject('/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(body).toContain('retrace_ingest_records_total 3');
  expect(body).toContain('retrace_agent_sessions{state="open"} 1');
  expect(body).toContain('retrace_volume_state{volume="web-01/root",state="protected"} 1');
  expect(body).toContain('process_resident_memory_bytes');
});

it('status shows the server, its groups, agents and volumes', async () => {
  const { server, agent } = await withVolume();
  agent.ws.send(
    encodeControl({
      ...{ type: 'report', queuedBytes: 123, queuedRecords: 1 },
      volumes: [
        {
          ...{ name: 'root', state: 'initial-sync', reason: 'first start', durability: 'flush' },
          ...{ durabilityInForce: 'async', copiedBytes: 10, copyTotalBytes: 20 },
        },
      ],
    }),
  );
  const read = async () => (await server.app.inject('/v1/status')).json<Record<string, unknown>>();
  await expect.poll(async () => (await read()).alarms).toHaveLength(1);
  const status = await read();
  expect(status.server).toMatchObject({
    version: '0.0.0-test',
    tokensRequired: false,
    nbd: [],
    problems: [],
  });
  expect(status.alarms).toMatchObject([{ code: 'DURABILITY_REDUCED', volume: 'root' }]);
  expect(status.groups).toMatchObject([
    {
      name: 'web-01',
      epoch: 1,
      agent: { connected: true, software: 'scripted agent' },
      latest: { seq: 3 },
      queuedBytes: 123,
      volumes: [
        {
          volume: 'web-01/root',
          state: 'initial-sync',
          reason: 'first start',
          durability: 'flush',
          durabilityInForce: 'async',
          horizon: { seq: 2 },
          latest: { seq: 3 },
          copiedBytes: 10,
          copyTotalBytes: 20,
        },
      ],
    },
  ]);
});

it('volumes lists all, or the one that is asked for', async () => {
  const { server } = await withVolume();
  const all = await server.app.inject('/v1/volumes');
  expect(all.json()).toMatchObject([
    { volume: 'web-01/root', sizeBytes: 1 << 20, state: 'protected', horizon: { seq: 2 } },
  ]);
  const one = await server.app.inject('/v1/volumes?volume=web-01/root');
  expect(one.json()).toHaveLength(1);
  const none = await server.app.inject('/v1/volumes?volume=web-01/home');
  expect(none.statusCode).toBe(404);
  expect(none.json()).toMatchObject({ error: { code: 'VOLUME_UNKNOWN', exit: 3 } });
});

it('an RPO is 0 after a clean stop, and null before there is an instant', async () => {
  const test = await startTestServer(onTestFinished);
  const agent = await ScriptedAgent.open(test.httpUrl);
  const rpo = async () =>
    (await test.server.app.inject('/v1/volumes')).json<{ rpoMs: number | null }[]>()[0]?.rpoMs;
  expect(await rpo()).toBeNull();
  agent.send(agent.mark(START), agent.mark({ mark: 'sync-complete' }, 0));
  agent.send(agent.mark({ mark: 'clean-stop' }));
  await agent.acked();
  expect(await rpo()).toBe(0);
});

it('resolve gives the exact seq of a volume or a group, or why not', async () => {
  const { server } = await withVolume();
  const volume = await server.app.inject('/v1/resolve?target=web-01/root@seq:2');
  expect(volume.json()).toMatchObject({
    ...{ volume: 'web-01/root', seq: 2, state: 'crash', exact: true, name: 'seq:2' },
  });
  const group = await server.app.inject('/v1/resolve?target=web-01@latest');
  expect(group.json()).toMatchObject({ group: 'web-01', seq: 3, volumes: ['web-01/root'] });
  for (const [target, status, code] of [
    ['web-01/root@seq:99', 404, 'INSTANT_UNKNOWN'],
    ['web-01/root@yesterday', 400, 'INSTANT_INVALID'],
    ['web-01/root@2026-11-22T10:41:07', 400, 'INSTANT_WITHOUT_ZONE'],
    ['nowhere@latest', 404, 'GROUP_UNKNOWN'],
    ['clone:x', 404, 'VOLUME_UNKNOWN'],
    ['UPPER/x', 400, 'NAME_INVALID'],
  ] as const) {
    const reply = await server.app.inject({ url: '/v1/resolve', query: { target } });
    expect([reply.statusCode, reply.json<{ error: { code: string } }>().error.code]).toEqual([
      status,
      code,
    ]);
  }
});

it('timeline answers with its span; too many buckets are refused', async () => {
  const { server } = await withVolume();
  const reply = await server.app.inject('/v1/timeline?volume=web-01/root&from=-1h&bucketMs=60000');
  expect(reply.json()).toMatchObject({ volume: 'web-01/root', bucketMs: 60000, buckets: [] });
  const many = await server.app.inject(
    '/v1/timeline?volume=web-01/root&from=1990-01-01T00:00:00Z&bucketMs=1000',
  );
  expect(many.json()).toMatchObject({ error: { code: 'USAGE', exit: 2 } });
});

it('a bookmark goes through the agent and is answered once it is stored', async () => {
  const { server, agent } = await withVolume();
  const post = (name: string, target = 'web-01/root') =>
    server.app.inject({ method: 'POST', url: '/v1/bookmarks', payload: { target, name } });
  const answer = post('before-upgrade');
  const { request } = await agent.next('bookmark-request');
  agent.send(agent.mark({ mark: 'bookmark', name: 'before-upgrade', consistency: 'crash' }));
  const place = { epoch: 1, n: agent.n, timeUs: Date.now() * 1000, error: '' };
  agent.ws.send(encodeControl({ type: 'bookmark-done', request, ...place }));
  expect((await answer).json()).toMatchObject({
    ...{ group: 'web-01', name: 'before-upgrade', seq: 4, consistency: 'crash' },
  });
  expect((await post('before-upgrade')).json()).toMatchObject({
    error: { code: 'BOOKMARK_EXISTS', exit: 3 },
  });
  expect((await post('x', 'nowhere')).statusCode).toBe(404);
  const lost = post('second');
  await agent.next('bookmark-request', (message) => message.name === 'second');
  await agent.close();
  expect((await lost).json()).toMatchObject({ error: { code: 'AGENT_AWAY' } });
});

it('verify streams lines of JSON', async () => {
  const { server } = await withVolume();
  const reply = await server.app.inject({ method: 'POST', url: '/v1/verify', payload: {} });
  const lines = reply.body.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { progress: { done: 1, total: 1, what: 'records' } },
    { result: { ok: true, problems: [], checked: { records: 1 } } },
  ]);
});

it('unknown routes, wrong bodies and large ones are errors with codes', async () => {
  const { server } = await startTestServer(onTestFinished);
  const { app } = server;
  const unknown = await app.inject('/v1/nothing');
  expect([unknown.statusCode, unknown.json()]).toMatchObject([
    404,
    { error: { code: 'ROUTE_UNKNOWN' } },
  ]);
  const post = (payload: string | object, type = 'application/json') =>
    app.inject({
      method: 'POST',
      url: '/v1/bookmarks',
      payload,
      headers: { 'content-type': type },
    });
  expect((await post({ target: 'x' })).json()).toMatchObject({ error: { code: 'USAGE' } });
  expect((await post('{')).json()).toMatchObject({ error: { code: 'USAGE' } });
  expect((await post('x', 'text/csv')).json()).toMatchObject({ error: { code: 'USAGE' } });
  const large = await post({ target: 'x'.repeat(100_000), name: 'x' });
  expect([large.statusCode, large.json()]).toMatchObject([
    413,
    { error: { code: 'FRAME_TOO_LARGE' } },
  ]);
});

it('a mistake of its own is answered without its words, and logged', async () => {
  const { server, journal, logs } = await startTestServer(onTestFinished);
  journal.problems = () => {
    throw new Error('secret detail');
  };
  const reply = await server.app.inject('/v1/status');
  expect(reply.statusCode).toBe(500);
  expect(reply.body).not.toContain('secret');
  expect(reply.json()).toMatchObject({ error: { code: 'INTERNAL', exit: 1 } });
  expect(JSON.stringify(logs)).toContain('secret detail');
});
