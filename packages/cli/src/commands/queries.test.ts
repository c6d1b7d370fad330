import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, NOW_MS } from '../testing/cli.js';
import { FakeServer } from '../testing/fake-server.js';

const place = (secondsAgo: number, seq: number) => {
  const timeUs = (NOW_MS - secondsAgo * 1000) * 1000;
  return { seq, timeUs, time: new Date(timeUs / 1000).toISOString() };
};

const VOLUME = {
  volume: 'web-01/root',
  sizeBytes: 1 << 30,
  state: 'protected',
  reason: '',
  durability: 'flush',
  durabilityInForce: 'async',
  horizon: place(3600, 5),
  latest: place(2, 900),
  rpoMs: 18,
};

const STATUS = {
  server: {
    version: '0.1.0',
    dataDir: '/data',
    nbd: ['nbd://127.0.0.1:10809'],
    tokensRequired: false,
    problems: [{ code: 'CORRUPTION', message: 'a bit is wrong', place: 'log/7' }],
  },
  groups: [
    {
      name: 'web-01',
      agent: { connected: true, remote: '127.0.0.1:5', sinceUs: place(60, 0).timeUs },
      queuedBytes: 2048,
      volumes: [VOLUME],
    },
  ],
  alarms: [{ code: 'AGENT_AWAY', message: 'db-01 is silent' }],
};

describe('commands that ask the server', () => {
  let server: FakeServer;
  const ask = (...args: string[]) => cli([...args, '--server', server.url]);

  beforeEach(async () => {
    server = await FakeServer.start();
    server.routes.set('GET /v1/status', { json: STATUS });
    server.routes.set('GET /v1/volumes', { json: [VOLUME] });
  });
  afterEach(() => server.close());

  it('status shows server, agents, volumes and what is wrong', async () => {
    const { exit, stdout, stderr } = await ask('status');
    expect(exit).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain('nbd://127.0.0.1:10809');
    expect(stdout).toContain('none yet: open to this machine');
    expect(stdout).toContain('web-01: agent 127.0.0.1:5 connected (1 min ago), 2 KiB queued');
    expect(stdout).toMatch(/web-01\/root +protected +18 ms +flush \(now async\) +1 GiB +1 h/);
    expect(stdout).toContain('PROBLEM CORRUPTION: a bit is wrong (log/7)');
    expect(stdout).toContain('ALARM AGENT_AWAY: db-01 is silent');
  });

  it('status --json is the answer of the server', async () => {
    expect((await ask('status', '--json')).json).toEqual(STATUS);
  });

  it('status holds with a server that says next to nothing', async () => {
    server.routes.set('GET /v1/status', { json: { groups: [{}, { volumes: [{}] }] } });
    const { exit, stdout } = await ask('status');
    expect(exit).toBe(0);
    expect(stdout).toContain('NOT CONNECTED');
  });

  it('volumes lists all, or asks for one', async () => {
    expect((await ask('volumes')).stdout).toContain('web-01/root');
    expect((await ask('volumes', 'web-01/root', '--json')).json).toEqual([VOLUME]);
    expect(server.requests.map(({ query }) => query)).toEqual([{}, { volume: 'web-01/root' }]);
    server.routes.set('GET /v1/volumes', { json: [] });
    expect((await ask('volumes')).stdout).toContain('No volumes yet');
  });

  it('resolve shows the exact seq and its neighbours', async () => {
    const answer = {
      volume: 'web-01/root',
      ...place(2, 900),
      state: 'crash',
      exact: false,
      name: 'seq:900',
      before: place(3, 899),
    };
    server.routes.set('GET /v1/resolve', { json: answer });
    const { stdout } = await ask('resolve', 'web-01/root@~-2s');
    expect(stdout).toMatch(/^volume +web-01\/root$/m);
    expect(stdout).toMatch(/^seq +900$/m);
    expect(stdout).toMatch(/^time +2026-11-22T10:41:05.250000Z \(2.0 s ago\)$/m);
    expect(stdout).toMatch(/nearest at or before/);
    expect(stdout).toMatch(/^before +seq:899 /m);
    expect(server.requests[0]?.query).toEqual({ target: 'web-01/root@~-2s' });
    expect((await ask('resolve', 'web-01/root@latest', '--json')).json).toEqual(answer);
  });

  it.each([
    ['INSTANT_IN_GAP', 3],
    ['TOKEN_MISSING', 3],
    ['STORAGE_FAILED', 1],
    ['CODE_OF_THE_FUTURE', 3],
  ])('a refusal with %s is exit status %i', async (code, exit) => {
    const error = { code, message: 'why\nso', exit };
    server.routes.set('GET /v1/resolve', { status: 409, json: { error } });
    const result = await ask('resolve', 'web-01/root@latest', '--json');
    expect(result.exit).toBe(exit);
    expect(result.stderr).toBe(`retrace: ${code}: why so\n`);
    expect(result.json).toEqual({ error });
  });

  it.each([
    ['status'],
    ['volumes'],
    ['timeline', 'a/b'],
    ['resolve', 'a/b@latest'],
    ['bookmark', 'a', 'b'],
    ['export', 'a/b@latest', '/nonexistent/x'],
    ['verify'],
    ['token', 'list'],
    ['token', 'create', '--role', 'admin'],
    ['token', 'revoke', 'x'],
  ])('%s without a server is exit status 4', async (...args) => {
    const given = args.filter((arg) => arg !== undefined);
    const result = await cli([...given, '--json', '--server', 'http://127.0.0.1:1']);
    expect(result.exit).toBe(4);
    expect(result.stderr).toMatch(/^retrace: SERVER_UNREACHABLE: no server answers at /);
    expect(result.json).toMatchObject({ error: { code: 'SERVER_UNREACHABLE', exit: 4 } });
  });

  it('bookmark asks for a mark', async () => {
    const answer = { group: 'web-01', name: 'ok', consistency: 'crash', ...place(0, 7) };
    server.routes.set('POST /v1/bookmarks', { json: answer });
    expect((await ask('bookmark', 'web-01', 'ok')).stdout).toMatch(
      /^bookmark:ok is seq:7 of web-01/,
    );
    expect((await ask('bookmark', 'web-01/root', 'ok', '--json')).json).toEqual(answer);
    expect(server.requests[0]?.body).toEqual({ target: 'web-01', name: 'ok' });
  });
});
