import { describe, expect, it } from 'vitest';
import {
  type DiskOptions,
  groupStatus,
  makeDisk,
  type RunningServer,
  retrace,
  startAgent,
  startServer,
  waitFor,
} from '../lib/index.js';

const MIB = 1 << 20;
const DISK: DiskOptions = { name: 'root', sizeBytes: MIB };

interface Token {
  readonly id: string;
  readonly token: string;
  readonly role: string;
}

interface Answer {
  readonly exit: number;
  readonly code: string | undefined;
}

/** Runs a command as somebody, and says how it ended. */
async function ask(server: RunningServer, token: string, ...args: string[]): Promise<Answer> {
  const who = token === '' ? {} : { token };
  const { exit, json } = await retrace([...args, '--json'], { server: server.http, ...who });
  return { exit, code: (json as { error?: { code: string } } | undefined)?.error?.code };
}

async function makeToken(
  server: RunningServer,
  role: string,
  { admin = '', machine = '' } = {},
): Promise<Token> {
  const forMachine = machine === '' ? [] : ['--machine', machine];
  const args = ['token', 'create', '--role', role, ...forMachine, '--json'];
  const who = admin === '' ? {} : { token: admin };
  const { json } = await retrace(args, { server: server.http, accept: [0], ...who });
  expect(json).toMatchObject({ role });
  return json as Token;
}

describe('tokens', () => {
  it('close the open door from the first one on', async () => {
    const server = await startServer();
    expect(await ask(server, '', 'status')).toEqual({ exit: 0, code: undefined });
    const admin = await makeToken(server, 'admin');
    expect(await ask(server, '', 'status')).toEqual({ exit: 3, code: 'TOKEN_MISSING' });
    expect(await ask(server, 'wrong', 'status')).toEqual({ exit: 3, code: 'TOKEN_INVALID' });
    expect(await ask(server, admin.token, 'status')).toEqual({ exit: 0, code: undefined });
    for (const path of ['/healthz', '/readyz']) {
      expect((await fetch(new URL(path, server.http))).status).toBe(200);
    }
    expect((await fetch(new URL('/metrics', server.http))).status).toBe(401);
  });

  it('allow what their role does, for their machine', async () => {
    const server = await startServer();
    const admin = (await makeToken(server, 'admin')).token;
    const viewer = (await makeToken(server, 'viewer', { admin })).token;
    const operator = (await makeToken(server, 'operator', { admin })).token;
    const own = (await makeToken(server, 'agent', { admin, machine: 'web-01' })).token;
    const other = (await makeToken(server, 'agent', { admin, machine: 'web-02' })).token;
    const volume = { name: DISK.name, path: makeDisk(DISK.sizeBytes) };
    const options = { server: server.http, machine: 'web-01', volumes: [volume] };

    const stranger = await startAgent({ ...options, token: other });
    await waitFor(() => /TOKEN_ROLE/.test(stranger.program.stderr), { what: 'its refusal' });
    await stranger.program.kill();
    const agent = await startAgent({ ...options, token: own });
    await agent.waitState('root', 'protected');

    expect(await ask(server, viewer, 'resolve', 'web-01/root@latest')).toMatchObject({ exit: 0 });
    const bookmark = ['bookmark', 'web-01', 'a'] as const;
    const refused = { exit: 3, code: 'TOKEN_ROLE' };
    expect(await ask(server, viewer, ...bookmark)).toEqual(refused);
    expect(await ask(server, own, ...bookmark)).toEqual(refused);
    expect(await ask(server, operator, ...bookmark)).toMatchObject({ exit: 0 });
    expect(await ask(server, operator, ...bookmark)).toEqual({ exit: 3, code: 'BOOKMARK_EXISTS' });
    for (const token of [viewer, operator, own]) {
      expect(await ask(server, token, 'token', 'list')).toEqual(refused);
    }
  });

  it('end live sessions when they are revoked', async () => {
    const server = await startServer();
    const admin = await makeToken(server, 'admin');
    const own = await makeToken(server, 'agent', { admin: admin.token, machine: 'web-01' });
    const agent = await startAgent({
      server: server.http,
      machine: 'web-01',
      volumes: [{ name: DISK.name, path: makeDisk(DISK.sizeBytes) }],
      token: own.token,
    });
    await agent.waitState('root', 'protected');
    const target = { http: server.http, token: admin.token };
    expect((await groupStatus(target, 'web-01')).agent.connected).toBe(true);
    await retrace(['token', 'revoke', own.id], { server: server.http, token: admin.token });
    const isGone = async (): Promise<boolean> =>
      !(await groupStatus(target, 'web-01')).agent.connected;
    await waitFor(isGone, { what: 'the session to be closed', timeoutMs: 5000 });
    await waitFor(() => /TOKEN_INVALID/.test(agent.program.stderr), { what: 'the reason' });
    expect(agent.program.exit).toBeUndefined();
    const { json } = await retrace(['token', 'list', '--json'], {
      server: server.http,
      token: admin.token,
    });
    expect(JSON.stringify(json)).not.toContain(own.token);
  });
});
