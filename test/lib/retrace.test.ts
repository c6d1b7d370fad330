import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createToken,
  exportUri,
  retrace,
  retraceProgram,
  run,
  startAgent,
  startServer,
  tempDir,
} from './index.js';

/** Says on stdout what the real program would, with its arguments in between. */
const IMPOSTOR = `
const [command, ...args] = process.argv.slice(2);
const say = (event) => console.log(JSON.stringify(event));
const stay = () => setInterval(() => {}, 1000);
process.on('SIGTERM', () => process.exit(0));
if (command === 'server') {
  say({ event: 'ready', http: 'http://127.0.0.1:7', nbd: 'nbd://127.0.0.1:8', args });
  stay();
} else if (command === 'agent') {
  const volumes = args.filter((_, at) => args[at - 1] === '--volume');
  for (const volume of volumes) {
    const [name] = volume.split('=');
    const uri = 'nbd+unix:///' + name + '?socket=' + volume.split('listen=unix:')[1].split(',')[0];
    say({ event: 'ready', volume: 'web-01/' + name, uri, volume_: volume });
    setTimeout(() => say({ event: 'state', volume: 'web-01/' + name, state: 'protected' }), 50);
  }
  say({ event: 'environment', token: process.env.RETRACE_TOKEN, args });
  stay();
} else if (command === 'token') {
  say({ id: '1', token: 'secret ' + args.join(' '), role: 'agent' });
} else {
  console.log('{"server":"' + process.env.RETRACE_SERVER + '"}');
  process.exitCode = 3;
}
if (command === 'broken') { console.log('no json'); console.error('retrace: INTERNAL: x'); }
`;

describe('the program under test', () => {
  it('is a file that Node runs', async () => {
    await run(process.execPath, ['--check', retraceProgram()]);
  });
});

describe('what starts the program', () => {
  beforeEach(() => {
    const impostor = join(tempDir(), 'retrace.cjs');
    writeFileSync(impostor, IMPOSTOR);
    vi.stubEnv('RETRACE_PROGRAM', impostor);
  });
  afterEach(() => vi.unstubAllEnvs());

  it('starts a server on free ports and reads where it is', async () => {
    const server = await startServer({ args: ['--config', 'c.toml'] });
    expect(server.http).toBe('http://127.0.0.1:7');
    expect(server.exportUri('web-01/root')).toBe('nbd://127.0.0.1:8/web-01/root');
    const listen = ['--listen', '127.0.0.1:0', '--nbd', '127.0.0.1:0'];
    expect(server.program.events[0]?.args).toEqual([
      ...['--data', server.dataDir, ...listen],
      ...['--config', 'c.toml'],
    ]);
    expect(await server.program.stop()).toEqual({ status: 0, signal: null });
  });

  it('starts an agent on sockets with short paths, and follows its states', async () => {
    const agent = await startAgent({
      server: 'http://127.0.0.1:7',
      machine: 'web-01',
      token: 'secret',
      volumes: [
        { name: 'root', path: '/r.raw', durability: 'sync' },
        { name: 'data', path: '/d.raw' },
      ],
    });
    expect(agent.uri('root')).toMatch(/^nbd\+unix:\/\/\/root\?socket=\S{1,99}root\.sock$/);
    expect(agent.program.events[0]?.volume_).toMatch(/^root=\/r\.raw,listen=.*,durability=sync$/);
    expect(() => agent.uri('other')).toThrow('no volume other');
    await agent.waitState('data', 'protected');
    await agent.waitState('data', 'protected');
    await expect(agent.waitState('data', 'bitmap', 50)).rejects.toThrow('web-01/data to be bitmap');
    expect(agent.program.events.find(({ event }) => event === 'environment')?.token).toBe('secret');
  });

  it('runs commands, and reads JSON where they print it', async () => {
    const status = await retrace(['status'], { server: 'http://s' });
    expect(status).toMatchObject({ exit: 3, json: { server: 'http://s' } });
    const broken = await retrace(['broken']);
    expect(broken.json).toBeUndefined();
    expect(broken.stderr).toContain('INTERNAL');
    await expect(retrace(['status'], { accept: [0] })).rejects.toThrow('exit status 3');
  });

  it('makes tokens', async () => {
    const token = await createToken({ dataDir: '/d', role: 'agent', machine: 'web-01' });
    expect(token).toBe('secret create --role agent --machine web-01 --data /d --json');
  });
});

describe('exportUri', () => {
  it('puts a name into the URI of a server, over TCP and unix sockets', () => {
    expect(exportUri('nbd://127.0.0.1:10809', 'web-01/root@seq:7')).toBe(
      'nbd://127.0.0.1:10809/web-01/root%40seq%3A7',
    );
    expect(exportUri('nbd://127.0.0.1:10809/', 'clone:a')).toBe('nbd://127.0.0.1:10809/clone%3Aa');
    expect(exportUri('nbd+unix:///?socket=/tmp/a.sock', 'web-01/root')).toBe(
      'nbd+unix:///web-01/root?socket=/tmp/a.sock',
    );
    expect(() => exportUri('not a uri', 'a')).toThrow('not the URI of an NBD server');
  });
});
