import { systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Protection,
  protect,
  type RetraceResult,
  resolveInstant,
  retrace,
  startServer,
  waitStored,
} from '../lib/index.js';

const MIB = 1 << 20;

interface ErrorJson {
  readonly error: { readonly code: string; readonly message: string; readonly exit: number };
}

function errorOf(result: RetraceResult): ErrorJson['error'] {
  return (result.json as ErrorJson).error;
}

describe('retrace resolve', () => {
  let here: Protection;
  let writtenUs = 0;

  beforeAll(async () => {
    here = await protect({ disks: [{ name: 'root', sizeBytes: MIB }] });
    const client = await NbdClient.connect(here.agent.uri('root'));
    await client.write(0, Buffer.alloc(4096, 1));
    await client.flush();
    writtenUs = systemClock.nowUs();
    await client.close();
    await waitStored(here.server, here.machine, writtenUs);
  });

  const resolve = (target: string): Promise<RetraceResult> =>
    retrace(['resolve', target, '--json'], { server: here.server.http });

  it('gives seq, time and the exact name of a time', async () => {
    const { iso } = { iso: new Date(Math.ceil(writtenUs / 1000)).toISOString() };
    await waitStored(here.server, here.machine, Date.parse(iso) * 1000);
    const { exit, json } = await resolve(`web-01/root@${iso}`);
    expect(exit).toBe(0);
    const answer = json as Record<string, unknown>;
    expect(answer).toMatchObject({ volume: 'web-01/root', exact: true, state: 'crash' });
    expect(answer.name).toBe(`seq:${String(answer.seq)}`);
    expect(Date.parse(String(answer.time)) * 1000).toBeLessThanOrEqual(Number(answer.timeUs));
    expect(Number(answer.timeUs)).toBeLessThanOrEqual(writtenUs);
  });

  it('gives a group instant with the volumes it is consistent for', async () => {
    const { exit, json } = await resolve('web-01@latest');
    expect(exit).toBe(0);
    expect(json).toMatchObject({ group: 'web-01', exact: true });
    expect(JSON.stringify((json as { volumes: unknown }).volumes)).toContain('web-01/root');
  });

  it.each([
    ['a time without a zone', '2026-11-22T10:41:07', 'INSTANT_WITHOUT_ZONE'],
    ['a time to come', '2126-11-22T10:41:07Z', 'INSTANT_IN_FUTURE'],
    ['a seq that is not there yet', 'seq:999999999', 'INSTANT_IN_FUTURE'],
    ['a time before everything', '1999-01-01T00:00:00Z', 'INSTANT_BEFORE_HORIZON'],
    ['a seq before the first copy was complete', 'seq:1', 'INSTANT_BEFORE_HORIZON'],
    ['an unknown bookmark', 'bookmark:nope', 'INSTANT_UNKNOWN'],
  ])('refuses %s with status 3', async (_what, instant, code) => {
    const result = await resolve(`web-01/root@${instant}`);
    expect(result.exit).toBe(3);
    expect(errorOf(result)).toMatchObject({ code, exit: 3 });
    expect(result.stderr).toMatch(new RegExp(`^retrace: ${code}: [^\\n]+\\n$`));
  });

  it('names the readings of a time without a zone', async () => {
    const result = await resolve('web-01/root@2026-11-22T10:41:07');
    expect(errorOf(result).message).toContain('2026-11-22T10:41:07');
    expect(errorOf(result).message).toMatch(/Z|\+00:00/);
  });

  it('refuses seq:0 with status 3', async () => {
    const result = await resolve('web-01/root@seq:0');
    expect(result.exit).toBe(3);
    expect(errorOf(result).exit).toBe(3);
  });

  it('refuses what it does not know, each with its code', async () => {
    expect(errorOf(await resolve('web-02/root@latest')).code).toBe('VOLUME_UNKNOWN');
    expect(errorOf(await resolve('web-02@latest')).code).toBe('GROUP_UNKNOWN');
  });

  it('takes the nearest instant when asked to, and says so', async () => {
    const { exit, json } = await resolve('web-01/root@~2126-11-22T10:41:07Z');
    expect(exit).toBe(0);
    expect(json).toMatchObject({ exact: false });
  });

  it('refuses a time that is not complete yet, naming the newest that is', async () => {
    here.agent.program.signal('SIGSTOP');
    try {
      const nowUs = systemClock.nowUs();
      const result = await resolve(`web-01/root@${new Date(nowUs / 1000).toISOString()}`);
      expect(result.exit).toBe(3);
      expect(errorOf(result)).toMatchObject({ code: 'INSTANT_NOT_YET_COMPLETE' });
      const { time } = await resolveInstant(here.server, 'web-01/root@latest');
      expect(errorOf(result).message).toContain(time.slice(0, 10));
    } finally {
      here.agent.program.signal('SIGCONT');
    }
  });

  it.each([
    ['no instant', 'web-01/root@yesterday'],
    ['a name against the rule', 'Web-01/root@latest'],
    ['two names', 'web-01/root/x@latest'],
    ['nothing', ''],
  ])('calls %s wrong usage: status 2', async (_what, target) => {
    const result = await resolve(target);
    expect(result.exit).toBe(2);
    expect(errorOf(result).exit).toBe(2);
  });

  it('shows the grammar where an instant breaks it', async () => {
    const { stderr } = await resolve('web-01/root@yesterday');
    expect(stderr).toContain('seq:N');
    expect(stderr).toContain('bookmark:NAME');
  });
});

describe('retrace', () => {
  it('calls an unknown command, option or missing argument wrong usage', async () => {
    for (const args of [['nonsense'], ['status', '--nonsense'], ['resolve'], ['server']]) {
      const { exit, stderr } = await retrace(args);
      expect({ args, exit }).toEqual({ args, exit: 2 });
      expect(stderr).toMatch(/^retrace: USAGE: /);
    }
  });

  it('ends with status 4 where no server answers', async () => {
    const commands = [
      ['status'],
      ['volumes'],
      ['resolve', 'a/b@latest'],
      ['timeline', 'a/b'],
      ['bookmark', 'a', 'b'],
      ['verify'],
      ['token', 'list'],
    ];
    for (const command of commands) {
      const result = await retrace([...command, '--json'], { server: 'http://127.0.0.1:1' });
      expect({ command, exit: result.exit }).toEqual({ command, exit: 4 });
      expect(errorOf(result)).toMatchObject({ code: 'SERVER_UNREACHABLE', exit: 4 });
    }
  });

  it('has help for every command', async () => {
    const { exit, stdout } = await retrace(['--help']);
    expect(exit).toBe(0);
    const commands = 'server agent status volumes timeline resolve bookmark mount umount export';
    for (const command of [...commands.split(' '), 'verify', 'inspect', 'token', 'doctor']) {
      expect(stdout).toContain(command);
    }
  });

  it('says which port is in use', async () => {
    const server = await startServer();
    const { host } = new URL(server.http);
    const args = ['server', '--data', `${server.dataDir}-2`, '--listen', host, '--nbd'];
    const { exit, stderr } = await retrace([...args, '127.0.0.1:0']);
    expect(exit).toBe(1);
    expect(stderr).toMatch(/retrace: PORT_IN_USE: .*\d+/);
  });

  it('does not share a data directory', async () => {
    const { dataDir } = await startServer();
    const args = ['server', '--data', dataDir, '--listen', '127.0.0.1:0', '--nbd', '127.0.0.1:0'];
    const { exit, stderr } = await retrace(args);
    expect(exit).toBe(1);
    expect(stderr).toContain('retrace: DATA_DIR_LOCKED: ');
  });
});
