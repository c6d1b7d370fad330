import { expect, it, onTestFinished } from 'vitest';
import { agentHello, ScriptedAgent } from '../testing/scripted-agent.js';
import { startTestServer } from '../testing/test-server.js';
import type { Role } from './roles.js';

type Who = Role | 'nobody' | 'revoked';

const ALL: readonly Who[] = ['nobody', 'revoked', 'agent', 'viewer', 'operator', 'admin'];

/** Who may use what: everybody else gets 401 (no valid token) or 403 (another role). */
const ROUTES: readonly (readonly ['GET' | 'POST' | 'DELETE', string, readonly Who[]])[] = [
  ['GET', '/healthz', ALL],
  ['GET', '/readyz', ALL],
  ['GET', '/metrics', ['viewer', 'operator', 'admin']],
  ['GET', '/v1/status', ['viewer', 'operator', 'admin']],
  ['GET', '/v1/volumes', ['viewer', 'operator', 'admin']],
  ['GET', '/v1/timeline?volume=web-01/root', ['viewer', 'operator', 'admin']],
  ['GET', '/v1/resolve?target=web-01/root@latest', ['viewer', 'operator', 'admin']],
  ['GET', '/v1/nothing', ['viewer', 'operator', 'admin']],
  ['POST', '/v1/bookmarks', ['operator', 'admin']],
  ['POST', '/v1/verify', ['operator', 'admin']],
  ['GET', '/v1/tokens', ['admin']],
  ['POST', '/v1/tokens', ['admin']],
  ['DELETE', '/v1/tokens/000000000000', ['admin']],
];

it('every route is open to the roles of the table and to nobody else', async () => {
  const { server } = await startTestServer(onTestFinished);
  const tokens = new Map<Who, string>();
  for (const role of ['agent', 'viewer', 'operator', 'admin'] as const) {
    tokens.set(role, (await server.tokens.create(role, undefined)).token);
  }
  const revoked = await server.tokens.create('admin', undefined);
  await server.tokens.revoke(revoked.id);
  tokens.set('revoked', revoked.token);
  for (const [method, url, allowed] of ROUTES) {
    for (const who of ALL) {
      const token = tokens.get(who);
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const { statusCode } = await server.app.inject({ method, url, headers });
      const barred = who === 'nobody' || who === 'revoked' ? 401 : 403;
      const what = `${who}: ${method} ${url}`;
      if (allowed.includes(who)) expect([401, 403], what).not.toContain(statusCode);
      else expect(statusCode, what).toBe(barred);
    }
  }
});

it('a token for one machine sees that machine only', async () => {
  const { server, httpUrl } = await startTestServer(onTestFinished);
  for (const machine of ['web-01', 'db-01']) await ScriptedAgent.open(httpUrl, agentHello(machine));
  const { token } = await server.tokens.create('admin', 'web-01');
  const get = (url: string) =>
    server.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
  expect((await get('/v1/volumes')).json()).toMatchObject([{ volume: 'web-01/root' }]);
  expect((await get('/v1/status')).json<{ groups: object[] }>().groups).toHaveLength(1);
  for (const url of [
    '/v1/volumes?volume=db-01/root',
    '/v1/resolve?target=db-01/root@latest',
    '/v1/timeline?volume=db-01/root',
    '/v1/tokens',
    '/metrics',
  ]) {
    expect((await get(url)).statusCode, url).toBe(403);
  }
});

it('an agent needs a token of its role and machine', async () => {
  const { server, httpUrl } = await startTestServer(onTestFinished);
  const agent = await server.tokens.create('agent', 'web-01');
  const admin = await server.tokens.create('admin', undefined);
  const other = await server.tokens.create('agent', 'db-01');
  const refused = (token?: string) =>
    ScriptedAgent.connect(httpUrl, {}, token).then(
      () => 'connected',
      (error: unknown) => String(error),
    );
  expect(await refused()).toMatch(/HTTP 401 .*TOKEN_MISSING/);
  expect(await refused(`${agent.token.slice(0, -1)}x`)).toMatch(/HTTP 401 .*TOKEN_INVALID/);
  expect(await refused('nonsense')).toMatch(/HTTP 401 .*TOKEN_INVALID/);
  expect(await refused(admin.token)).toMatch(/HTTP 403 .*TOKEN_ROLE/);
  const stranger = await ScriptedAgent.connect(httpUrl, {}, other.token);
  stranger.sendHello();
  expect((await stranger.next('error')).code).toBe('TOKEN_ROLE');
  await ScriptedAgent.open(httpUrl, {}, agent.token);
});

it('revoking a token closes its sessions at once, and no others', async () => {
  const { server, httpUrl } = await startTestServer(onTestFinished);
  const web = await server.tokens.create('agent', 'web-01');
  const db = await server.tokens.create('agent', undefined);
  const webAgent = await ScriptedAgent.open(httpUrl, agentHello('web-01'), web.token);
  const dbAgent = await ScriptedAgent.open(httpUrl, agentHello('db-01'), db.token);
  await server.tokens.revoke(web.id);
  expect((await webAgent.next('error')).code).toBe('TOKEN_INVALID');
  await webAgent.closed;
  dbAgent.send(dbAgent.mark({ mark: 'start', software: 'x' }));
  await dbAgent.acked();
});

it('the first token ends sessions that have none', async () => {
  const { server, httpUrl } = await startTestServer(onTestFinished);
  const agent = await ScriptedAgent.open(httpUrl);
  await server.tokens.create('admin', undefined);
  expect((await agent.next('error')).code).toBe('TOKEN_MISSING');
  expect((await server.app.inject('/v1/status')).statusCode).toBe(401);
});
