import { randomUUID } from 'node:crypto';
import {
  type AgentRecord,
  type ByteOffset,
  type Epoch,
  type ErrorCode,
  encodeControl,
  encodeDataFrame,
  LIMITS,
  type RecordNumber,
} from '@retrace/core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  gapReasons,
  groupStatus,
  type Protection,
  protect,
  type RunningServer,
  retrace,
  startServer,
  withTimeout,
} from '../lib/index.js';
import { openAgentSocket, WireAgent, type WireEnd } from '../lib/wire/wire-agent.js';
import { newIdentity, type WireIdentity, WireRecords } from '../lib/wire/wire-records.js';

const SIZE_BYTES = 1 << 20;

function endOf(agent: WireAgent): Promise<WireEnd> {
  return withTimeout(agent.ended, { what: 'the end of the session', timeoutMs: 15_000 });
}

/** A session that was welcomed, with the beginning of its epoch stored. */
async function openSession(
  server: RunningServer,
  identity: WireIdentity,
  instanceId: string,
): Promise<{ agent: WireAgent; records: WireRecords }> {
  const { agent } = await WireAgent.connect(server, identity, { instanceId });
  const records = new WireRecords();
  records.begin(identity);
  agent.send(records.all);
  await agent.waitAcknowledged(records.all.length);
  return { agent, records };
}

/** What is wrong with a frame: what is sent after a good beginning, and what it is called. */
const BAD_FRAMES: Readonly<
  Record<string, readonly [ErrorCode, (next: AgentRecord, records: WireRecords) => Buffer]>
> = {
  'wrong magic': ['FRAME_INVALID', () => Buffer.from('nonsense, and some more of it')],
  'damaged headers': [
    'FRAME_CHECKSUM',
    (next) => {
      const frame = encodeDataFrame(1 as Epoch, [next]);
      frame[40] = frame[40]! ^ 1;
      return frame;
    },
  ],
  'damaged bytes': [
    'RECORD_CHECKSUM',
    (next) => {
      const frame = encodeDataFrame(1 as Epoch, [next]);
      frame[frame.length - 1] = frame[frame.length - 1]! ^ 1;
      return frame;
    },
  ],
  'a hole in its numbers': [
    'RECORD_HOLE',
    (next) => encodeDataFrame(1 as Epoch, [{ ...next, n: (next.n + 1) as RecordNumber }]),
  ],
  'other contents of an old number': [
    'RECORD_CONFLICT',
    (next) => encodeDataFrame(1 as Epoch, [{ ...next, n: (next.n - 1) as RecordNumber }]),
  ],
  'a place outside of its volume': [
    'RECORD_INVALID',
    (next) => encodeDataFrame(1 as Epoch, [{ ...next, offset: (SIZE_BYTES * 2) as ByteOffset }]),
  ],
  'a volume it never named': [
    'RECORD_INVALID',
    (next) => encodeDataFrame(1 as Epoch, [{ ...next, volumeIndex: 7 }]),
  ],
  'a second hello': ['FRAME_INVALID', () => encodeControl({ type: 'hello' })],
  'a control message of no type': ['FRAME_INVALID', () => encodeControl({ type: 'dance' })],
};

describe('a bad session', () => {
  let here: Protection;

  beforeAll(async () => {
    here = await protect({ disks: [{ name: 'root', sizeBytes: SIZE_BYTES }] });
  });

  it.each(Object.keys(BAD_FRAMES))('with %s is ended by name, and stores nothing', async (name) => {
    const [code, frame] = BAD_FRAMES[name]!;
    const machine = `bad-${Object.keys(BAD_FRAMES).indexOf(name)}`;
    const identity = newIdentity(machine, SIZE_BYTES);
    const instanceId = randomUUID();
    const { agent, records } = await openSession(here.server, identity, instanceId);
    const stored = records.all.length;
    const next = records.write(0, Buffer.alloc(4096, 3));
    agent.socket.send(frame(next, records));
    const { error } = await endOf(agent);
    expect(error).toMatchObject({ code });
    expect(error?.message).not.toBe('');
    const again = await WireAgent.connect(here.server, identity, { instanceId });
    expect(again.welcome.stored).toEqual({ epoch: 1, n: stored });
    again.agent.socket.terminate();
  });

  it('that is too long, or silent, is ended', async () => {
    const huge = openAgentSocket(here.server);
    huge.on('error', () => {});
    const code = new Promise<number>((resolve) => {
      huge.on('close', resolve);
    });
    huge.on('open', () => {
      const bytes = Buffer.alloc(LIMITS.frameBytesMax + 1);
      huge.send(bytes, () => {});
    });
    expect(await withTimeout(code, { what: 'the end' })).not.toBe(1000);
    const silent = openAgentSocket(here.server);
    silent.on('error', () => {});
    const ended = new Promise((resolve) => {
      silent.on('close', resolve);
    });
    await withTimeout(ended, { what: 'the end of silence', timeoutMs: 15_000 });
  }, 40_000);

  it("with another agent's epoch is refused, and does not disturb that agent", async () => {
    const machine = 'held';
    const identity = newIdentity(machine, SIZE_BYTES);
    const { agent: first } = await WireAgent.connect(here.server, identity, { epoch: 5 });
    const taken = new WireAgent(here.server, identity, { epoch: 5 });
    expect((await endOf(taken)).error).toMatchObject({ code: 'EPOCH_TAKEN', epoch: 5 });
    const fenced = new WireAgent(here.server, identity, { epoch: 4 });
    expect((await endOf(fenced)).error).toMatchObject({ code: 'EPOCH_FENCED', epoch: 5 });
    const impostor = new WireAgent(here.server, newIdentity(machine, SIZE_BYTES), { epoch: 9 });
    expect((await endOf(impostor)).error).toMatchObject({ code: 'IDENTITY_CONFLICT' });
    expect((await groupStatus(here.server, machine)).agent.connected).toBe(true);
    const higher = await WireAgent.connect(here.server, identity, { epoch: 6 });
    expect((await endOf(first)).error).toMatchObject({ code: 'EPOCH_FENCED', epoch: 6 });
    higher.agent.socket.terminate();
  });

  it('of a version that nobody speaks is refused by name', async () => {
    const identity = newIdentity('future', SIZE_BYTES);
    const hello = { protocolMin: 77, protocolMax: 78 };
    const agent = new WireAgent(here.server, identity, { hello });
    expect((await endOf(agent)).error).toMatchObject({ code: 'PROTOCOL_VERSION' });
  });

  it('with a wrong token or none is refused by name', async () => {
    const server = await startServer();
    const args = ['token', 'create', '--role', 'admin', '--json'];
    await retrace(args, { server: server.http, accept: [0] });
    for (const [token, code] of [
      ['wrong', 'TOKEN_INVALID'],
      [undefined, 'TOKEN_MISSING'],
    ] as const) {
      const target = { http: server.http, ...(token === undefined ? {} : { token }) };
      const socket = openAgentSocket(target);
      socket.on('error', () => {});
      const answer = new Promise<string>((resolve) => {
        socket.on('unexpected-response', (_request, response) => {
          response.setEncoding('utf8');
          response.on('data', (text: string) => resolve(`${response.statusCode} ${text}`));
        });
      });
      const text = await withTimeout(answer, { what: 'the refusal' });
      expect(text).toMatch(/^401 /);
      expect(text).toContain(code);
    }
  });

  it('leaves the others in peace', async () => {
    expect(await gapReasons(here.server, 'web-01/root')).toEqual([]);
    const { agent, volumes } = await groupStatus(here.server, 'web-01');
    expect(agent.connected).toBe(true);
    expect(volumes[0]).toMatchObject({ state: 'protected' });
  });
});
