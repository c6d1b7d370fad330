import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../testing/cli.js';
import { FakeServer } from '../testing/fake-server.js';

describe('verify, token, doctor and inspect', () => {
  let server: FakeServer;
  let folder: string;
  const ask = (...args: string[]) => cli([...args, '--server', server.url]);

  beforeEach(async () => {
    server = await FakeServer.start();
    folder = await mkdtemp(join(tmpdir(), 'retrace-checks-'));
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('verify says that all is well', async () => {
    const result = { ok: true, problems: [], checked: { records: 1234 } };
    const progress = { done: 1, total: 2, what: 'records' };
    server.routes.set('POST /v1/verify', { lines: [{ progress }, { result }] });
    const text = await ask('verify');
    expect(text).toMatchObject({ exit: 0, stderr: '' });
    expect(text.stdout).toBe('checked 1 234 records: all is well\n');
    expect((await ask('verify', '--json')).json).toEqual(result);
    expect(server.requests.map(({ body }) => body)).toEqual([{}, {}]);
  });

  it('verify of one volume claims nothing of the rest', async () => {
    const result = { ok: true, problems: [], checked: { volumes: 1, views: 2 } };
    server.routes.set('POST /v1/verify', { lines: [{ result }] });
    const well = await ask('verify', 'm/v');
    const scope = 'compared m/v at 2 instants with a replay of the log, and nothing else';
    expect(well).toMatchObject({ exit: 0, stdout: `${scope}: all is well\n` });
    expect((await ask('verify', 'm/v', '--json')).json).toEqual(result);
    expect(server.requests.map(({ body }) => body)).toEqual([{ volume: 'm/v' }, { volume: 'm/v' }]);
    const problems = [{ code: 'CORRUPTION', message: 'views differ', place: 'm/v@seq:7, byte 0' }];
    const damaged = { ok: false, problems, checked: { volumes: 1, views: 1 } };
    server.routes.set('POST /v1/verify', { lines: [{ result: damaged }] });
    expect((await ask('verify', 'm/v')).stderr).toBe(
      'retrace: CHECK_FAILED: found 1 problem: ' +
        'compared m/v at 1 instant with a replay of the log, and nothing else\n',
    );
  });

  it('verify fails with what is damaged', async () => {
    const problems = [{ code: 'CORRUPTION', message: 'bytes are damaged', place: 'log/3 at 77' }];
    const result = { ok: false, problems, checked: {} };
    server.routes.set('POST /v1/verify', { lines: [{ result }] });
    const text = await ask('verify');
    expect(text.exit).toBe(1);
    expect(text.stdout).toContain('CORRUPTION: bytes are damaged (log/3 at 77)');
    expect(text.stderr).toMatch(/^retrace: CHECK_FAILED: found 1 problem: checked/);
    const json = await ask('verify', '--json');
    expect(json.exit).toBe(1);
    expect(json.json).toMatchObject({ ...result, error: { code: 'CHECK_FAILED', exit: 1 } });
  });

  it('verify does not take half an answer for a good one', async () => {
    server.routes.set('POST /v1/verify', { lines: [{ progress: { done: 1, total: 2 } }] });
    expect(await ask('verify')).toMatchObject({ exit: 4 });
  });

  it('token create prints the token alone on stdout', async () => {
    const answer = { id: '12', token: 'rt1.secret', role: 'agent', machine: 'web-01' };
    server.routes.set('POST /v1/tokens', { status: 201, json: answer });
    const text = await ask('token', 'create', '--role', 'agent', '--machine', 'web-01');
    expect(text).toMatchObject({ exit: 0, stdout: 'rt1.secret\n' });
    expect(text.stderr).toContain('shown this once');
    const json = await ask('token', 'create', '--role', 'viewer', '--json');
    expect(json).toMatchObject({ json: answer, stderr: '' });
    expect(server.requests.map(({ body }) => body)).toEqual([
      { role: 'agent', machine: 'web-01' },
      { role: 'viewer' },
    ]);
  });

  it('token list and revoke', async () => {
    const tokens = [{ id: '12', role: 'admin', machine: null, createdUs: 1, revokedUs: 2 }];
    server.routes.set('GET /v1/tokens', { json: tokens });
    server.routes.set('DELETE /v1/tokens/12', { json: tokens[0] });
    expect((await ask('token', 'list')).stdout).toMatch(/^12 +admin +all .* revoked$/m);
    expect((await ask('token', 'list', '--json')).json).toEqual(tokens);
    expect(await ask('token', 'revoke', '12')).toMatchObject({ exit: 0 });
    expect((await ask('token', 'revoke', '12', '--json')).json).toEqual({
      id: '12',
      revoked: true,
    });
  });

  it('sends the token it was given', async () => {
    server.routes.set('GET /v1/tokens', { json: [] });
    await ask('token', 'list', '--token', 'abc');
    await cli(['token', 'list'], { env: { RETRACE_SERVER: server.url, RETRACE_TOKEN: 'def' } });
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([
      'Bearer abc',
      'Bearer def',
    ]);
  });

  it('doctor names each check, its state and what to do', async () => {
    const nbd = `unix:${join(folder, 'nbd.sock')}`;
    server.routes.set('GET /v1/status', { json: { server: {} } });
    const args = ['doctor', '--data', folder, '--state', join(folder, 'new'), '--nbd', nbd];
    const { stdout, json } = await ask(...args, '--json');
    expect(stdout).not.toBe('');
    const { findings } = json as { findings: { check: string; status: string }[] };
    const checks = findings.map(({ check }) => check);
    for (const check of ['node', 'data', 'state', 'http', 'nbd', 'mount', 'clock', 'token']) {
      expect(checks).toContain(check);
    }
    const http = findings.find(({ check }) => check === 'http');
    expect(http).toMatchObject({ status: 'ok' });
  });

  it('doctor fails when a port is taken by another program', async () => {
    server.routes.set('GET /v1/status', { json: { something: 'else' } });
    const { exit, stdout, stderr } = await ask('doctor', '--nbd', 'unix:/nonexistent/nbd.sock');
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^FAIL {2}http: .* is taken by another program/m);
    expect(stdout).toMatch(/^ {6}-> .*another --listen/m);
    expect(stderr).toMatch(/^retrace: CHECK_FAILED: http/);
  });

  it('doctor fails for a token file that others can read', async () => {
    const file = join(folder, 'token');
    await writeFile(file, 'secret', { mode: 0o644 });
    const args = ['doctor', '--token-file', file, '--json', '--nbd', 'unix:/nonexistent/s'];
    const { json, exit } = await cli([...args, '--server', 'http://127.0.0.1:1']);
    expect(exit).toBe(1);
    expect(json).toMatchObject({ ok: false, error: { code: 'CHECK_FAILED' } });
    const { findings } = json as { findings: { check: string; advice: string }[] };
    expect(findings.find(({ check }) => check === 'token')?.advice).toBe(`chmod 600 ${file}`);
  });

  it('inspect says what a file is, and that one is missing', async () => {
    const file = join(folder, 'progress');
    await writeFile(file, 'retrace progress 1 3 00000000\n{}\n');
    expect((await cli(['inspect', file, '--json'])).json).toMatchObject({
      kind: 'agent state: progress',
      intact: false,
    });
    expect((await cli(['inspect', folder])).stdout).toMatch(/^kind +/m);
    expect(await cli(['inspect', join(folder, 'none')])).toMatchObject({ exit: 2 });
  });
});
