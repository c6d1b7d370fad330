import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { NbdError } from '../errors.js';
import { Errno, ErrorReply } from '../protocol/constants.js';
import { NbdServer } from '../server/server.js';
import { gate, startServer } from '../testing/harness.js';
import { MemoryExport, MemoryProvider } from '../testing/memory-export.js';
import { NbdClient, type NbdClientOptions } from './client.js';

const MIB = 1024 * 1024;

async function connect(disk = new MemoryExport(), options: NbdClientOptions = {}) {
  const { raw, served } = startServer({ disk }).dial();
  raw.release();
  return { client: await NbdClient.over(raw.stream, 'disk', options), served, disk };
}

describe.each([{ structured: true }, { structured: false }])('the client with %j', (options) => {
  it('reads what it wrote', async () => {
    const { client } = await connect(new MemoryExport({ sizeBytes: 4 * MIB }), options);
    const data = Buffer.alloc(2 * MIB, 'abc');
    await client.write(100, data, { fua: true });
    expect((await client.read(100, data.length)).equals(data)).toBe(true);
    await client.close();
  });

  it('keeps many requests in flight, each with its own answer', async () => {
    const { client, disk } = await connect(new MemoryExport(), options);
    for (let i = 0; i < 256; i++) disk.bytes.writeUInt32BE(i, 4 * i);
    const reads = Array.from({ length: 256 }, (_, i) => client.read(4 * i, 4));
    const values = (await Promise.all(reads)).map((data) => data.readUInt32BE(0));
    expect(values).toEqual(Array.from({ length: 256 }, (_, i) => i));
    await client.close();
  });

  it('gives the errno of a refusal', async () => {
    const { client } = await connect(new MemoryExport(), options);
    const refusal = client.write(MIB, Buffer.alloc(1));
    await expect(refusal).rejects.toMatchObject({ name: 'NbdError', errno: Errno.ENOSPC });
    await client.flush();
    await client.close();
  });

  it('does all the other commands', async () => {
    const { client, disk } = await connect(new MemoryExport(), options);
    await client.flush();
    await client.trim(0, 512);
    await client.cache(0, 512);
    await client.writeZeroes(0, 512, { noHole: true, fua: true, fastOnly: true });
    expect(disk.calls).toEqual([
      'flush',
      'trim 0 512',
      'cache 0 512',
      'writeZeroes 0 512 fua noHole fastOnly',
    ]);
    await client.close();
  });
});

describe('the client', () => {
  it('gets extents where they are offered', async () => {
    const { client, disk } = await connect();
    disk.bytes.fill(1, 4096, 8192);
    const found = await client.blockStatus(0, MIB);
    expect(found.map(({ length, hole }) => [length, hole])).toEqual([
      [4096, true],
      [4096, false],
      [MIB - 8192, true],
    ]);
    expect((await client.blockStatus(0, MIB, { one: true })).length).toBe(1);
    const plain = await connect(new MemoryExport(), { structured: false });
    await expect(plain.client.blockStatus(0, 1)).rejects.toMatchObject({ code: 'NBD_UNSUPPORTED' });
  });

  it('passes the code and text of the server on', async () => {
    const { client } = await connect(
      new MemoryExport({
        before: () => {
          throw new NbdError('OVERLAY_FULL', 'the overlay is full', { errno: Errno.ENOSPC });
        },
      }),
    );
    await expect(client.write(0, Buffer.alloc(1))).rejects.toMatchObject({
      code: 'OVERLAY_FULL',
      message: 'the overlay is full',
      errno: Errno.ENOSPC,
    });
  });

  it('passes a refused export on', async () => {
    const { raw } = startServer({}).dial();
    raw.release();
    await expect(NbdClient.over(raw.stream, 'nope')).rejects.toMatchObject({
      code: 'NBD_UNKNOWN_EXPORT',
      optionReply: ErrorReply.UNKNOWN,
    });
  });

  it('lists exports and tells about one', async () => {
    const info = { description: 'a disk', name: 'canonical' };
    const provider = new MemoryProvider({ 'a/b@c:d': new MemoryExport({ info }) });
    const server = await NbdServer.listen({ address: { host: '127.0.0.1', port: 0 }, provider });
    expect(await NbdClient.list(server.uri())).toEqual([{ name: 'a/b@c:d' }]);
    expect(await NbdClient.info(server.uri('a/b@c:d'))).toMatchObject({
      exportName: 'a/b@c:d',
      canonicalName: 'canonical',
      description: 'a disk',
      maxPayloadBytes: 32 * MIB,
    });
    await server.close();
  });

  it('rejects everything in flight when the connection is lost', async () => {
    const disk = new MemoryExport({ before: () => new Promise(() => undefined) });
    const provider = new MemoryProvider({ disk });
    const server = await NbdServer.listen({ address: { host: '127.0.0.1', port: 0 }, provider });
    const client = await NbdClient.connect(server.uri('disk'));
    const lost = [client.flush(), client.read(0, 4)].map((request) =>
      expect(request).rejects.toMatchObject({ code: 'NBD_DISCONNECTED' }),
    );
    while (disk.calls.length < 2) await new Promise(setImmediate);
    await server.close({ timeoutMs: 1 });
    await Promise.all(lost);
    expect(await client.closed).toMatchObject({ code: 'NBD_DISCONNECTED' });
  });

  it('rejects what is in flight with NBD_CLOSED when it is closed itself', async () => {
    const slow = gate();
    const { client, served } = await connect(new MemoryExport({ before: () => slow.opened }));
    const request = expect(client.flush()).rejects.toMatchObject({ code: 'NBD_CLOSED' });
    client.destroy();
    await request;
    slow.open();
    await served;
    expect(await client.closed).toBeUndefined();
  });

  it('does not believe a server that talks nonsense', async () => {
    const [ours, theirs] = duplexPair();
    theirs.write(Buffer.alloc(18, 'HTTP/1.1 400 Bad Request'));
    await expect(NbdClient.over(ours, 'x')).rejects.toMatchObject({ code: 'NBD_BAD_MAGIC' });
  });

  it('does not wait for ever', async () => {
    const [ours] = duplexPair();
    const silent = NbdClient.over(ours, 'x', { timeoutMs: 20 });
    await expect(silent).rejects.toMatchObject({ code: 'NBD_HANDSHAKE_TIMEOUT' });
  });

  it('breaks the connection at a reply nobody asked for', async () => {
    const { raw, served } = startServer({ disk: new MemoryExport() }).dial();
    raw.release();
    const client = await NbdClient.over(raw.stream, 'disk');
    raw.stream.push(Buffer.alloc(16));
    expect(await client.closed).toMatchObject({ code: 'NBD_PROTOCOL' });
    await expect(client.flush()).rejects.toMatchObject({ code: 'NBD_PROTOCOL' });
    await served;
  });
});
