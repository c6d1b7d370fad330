import { RetraceError } from '@retrace/core';
import { NbdClient, type NbdUri } from '@retrace/nbd';
import { type Logger, pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ScriptedAgent } from '../testing/scripted-agent.js';
import { startTestServer, type TestServer } from '../testing/test-server.js';
import { NbdServers } from './nbd-servers.js';

const block = (fill: number): Buffer => Buffer.alloc(4096, fill);

interface NbdTest extends TestServer {
  readonly agent: ScriptedAgent;
  uri(exportName: string): NbdUri;
}

/** web-01/root: consistent at seq:2, block 0 written at seq:3 (1) and at seq:4 (2). */
const startNbd = async (logger: Logger = pino({ level: 'silent' })): Promise<NbdTest> => {
  const test = await startTestServer(onTestFinished);
  const { exports: provider, metrics, turns } = test.server;
  const addresses = [{ host: '127.0.0.1', port: 0 }];
  const nbd = await NbdServers.listen({ addresses, provider, turns, metrics, logger });
  onTestFinished(() => nbd.close(1000));
  const agent = await ScriptedAgent.open(test.httpUrl);
  agent.send(
    agent.mark({ mark: 'start', software: 'x' }),
    agent.mark({ mark: 'sync-complete' }, 0),
    agent.write(0, block(1)),
    agent.write(0, block(2)),
    agent.mark({ mark: 'bookmark', name: 'done', consistency: 'crash' }),
  );
  await agent.acked();
  const port = Number(new URL(nbd.uris[0] ?? '').port);
  return {
    ...test,
    agent,
    uri: (exportName) => ({ address: { host: '127.0.0.1', port }, exportName }),
  };
};

const open = async (test: NbdTest, name: string): Promise<NbdClient> => {
  const client = await NbdClient.connect(test.uri(name));
  onTestFinished(() => client.close());
  return client;
};

describe('views', () => {
  it.each([
    ['web-01/root@seq:3', 1, true],
    ['web-01/root@seq:4', 2, true],
    ['web-01/root@bookmark:done', 2, true],
    ['web-01/root', 2, false],
    ['web-01/root@latest', 2, false],
    ['web-01/root@-0s', 2, false],
    ['web-01/root@~seq:3', 1, false],
  ])('%s shows its instant, read-only', async (name, fill, multi) => {
    const test = await startNbd();
    const client = await open(test, name);
    expect(await client.read(0, 4096)).toEqual(block(fill));
    expect(await client.read(4096, 4096)).toEqual(block(0));
    expect(client.info).toMatchObject({ readOnly: true, canMultiConn: multi, sizeBytes: 1 << 20 });
    expect(client.info.canonicalName).toMatch(/^web-01\/root@seq:\d$/);
    await expect(client.write(0, block(9))).rejects.toMatchObject({ errno: 1 });
    await client.flush();
  });

  it('a moving name stays where it was when it was opened', async () => {
    const test = await startNbd();
    const client = await open(test, 'web-01/root');
    test.agent.send(test.agent.write(0, block(3)));
    await test.agent.acked();
    expect(await client.read(0, 4096)).toEqual(block(2));
    expect(await (await open(test, 'web-01/root')).read(0, 4096)).toEqual(block(3));
  });

  it('tells data from holes', async () => {
    const test = await startNbd();
    const client = await open(test, 'web-01/root@seq:4');
    expect(await client.blockStatus(0, 8192)).toEqual([{ length: 8192, hole: false, zero: false }]);
  });

  it('lists volumes and bookmarks', async () => {
    const test = await startNbd();
    const names = (await NbdClient.list(test.uri(''))).map(({ name }) => name);
    expect(names).toEqual(['web-01/root', 'web-01/root@bookmark:done']);
  });

  it.each([
    ['web-01/home', 'VOLUME_UNKNOWN', ''],
    ['web-01/root@seq:99', 'INSTANT_UNKNOWN', ''],
    ['web-01/root@noon', 'INSTANT_INVALID', ''],
    ['clone:x', 'VOLUME_UNKNOWN', 'clones are not available'],
    ['', 'VOLUME_UNKNOWN', 'there is no default export'],
    ['web-01', 'NAME_INVALID', ''],
  ])('refuses "%s" with its reason', async (name, code, text) => {
    const test = await startNbd();
    await expect(NbdClient.connect(test.uri(name))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text) as string,
    });
  });

  it('a read that meets damage is an EIO of that request, in log and metrics', async () => {
    const test = await startNbd();
    const client = await open(test, 'web-01/root@seq:4');
    test.journal.failReads = new RetraceError('CORRUPTION', 'segment 1, byte 2 is damaged');
    for (let i = 0; i < 3; i++) {
      await expect(client.read(0, 4096)).rejects.toMatchObject({ errno: 5 });
    }
    test.journal.failReads = undefined;
    expect(await client.read(0, 4096)).toEqual(block(2));
    const metrics = await test.server.metrics.registry.metrics();
    expect(metrics).toContain('retrace_errors_total{code="CORRUPTION",where="nbd"} 3');
    const lines = test.logs.filter(({ code }) => code === 'CORRUPTION');
    expect(lines).toMatchObject([{ msg: 'segment 1, byte 2 is damaged', operation: 'read' }]);
  });
});

describe('scratch', () => {
  it('takes writes and forgets them with its connection', async () => {
    const test = await startNbd();
    const client = await open(test, 'scratch:web-01/root@seq:3');
    expect(client.info).toMatchObject({
      ...{ readOnly: false, canMultiConn: false },
      canonicalName: 'scratch:web-01/root@seq:3',
    });
    await client.write(100, Buffer.from('hello'), { fua: true });
    await client.trim(8192, 4096);
    await client.flush();
    expect((await client.read(100, 5)).toString()).toBe('hello');
    expect((await client.read(0, 100))[0]).toBe(1);
    const other = await open(test, 'scratch:web-01/root@seq:3');
    expect(await other.read(0, 4096)).toEqual(block(1));
    await client.close();
    const again = await open(test, 'scratch:web-01/root@seq:3');
    expect(await again.read(0, 4096)).toEqual(block(1));
    expect(await (await open(test, 'web-01/root@seq:3')).read(0, 4096)).toEqual(block(1));
  });

  it('is logged when it is opened: what was asked for, what it is, and by whom', async () => {
    const lines: string[] = [];
    const test = await startNbd(pino({}, { write: (line) => void lines.push(line) }));
    await open(test, 'scratch:web-01/root@bookmark:done');
    const opened = lines.map((line) => JSON.parse(line) as object);
    expect(opened).toContainEqual(
      expect.objectContaining({
        level: 30,
        msg: 'nbd: export opened',
        exportName: 'scratch:web-01/root@bookmark:done',
        canonicalName: expect.stringMatching(/^scratch:web-01\/root@seq:\d+$/) as string,
        remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      }),
    );
  });

  it('a full one answers ENOSPC and goes on', async () => {
    const test = await startNbd();
    const client = await open(test, 'scratch:web-01/root@seq:3');
    await expect(client.write((1 << 20) - 4096, Buffer.alloc(8192))).rejects.toMatchObject({
      errno: 28,
    });
    expect(await client.read(0, 4096)).toEqual(block(1));
  });
});
