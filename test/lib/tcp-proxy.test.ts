import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { atEnd, startTcpProxy, type TcpProxy, waitFor, withTimeout } from './index.js';

/** A server that answers with what it gets, and remembers it. */
async function echoServer(): Promise<{ port: number; received: () => string; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  let received = '';
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, received: () => received, sockets };
}

async function dial(proxy: TcpProxy): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port });
  socket.on('error', () => {});
  atEnd(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Resolves when it is closed, by an error or in order. */
function closed(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

/** Sends bytes and reads as many back. */
async function roundTrip(socket: Socket, bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const done = new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < bytes.length) return;
      socket.off('data', take);
      resolve();
    };
    socket.on('data', take);
    void closed(socket).then(() => reject(new Error('closed')));
  });
  socket.write(bytes);
  await withTimeout(done, { what: 'the echo' });
  return Buffer.concat(chunks);
}

async function durationMs(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

describe('TcpProxy', () => {
  it('hands on everything both ways, and the end too', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: (await echoServer()).port });
    const socket = await dial(proxy);
    const bytes = Buffer.alloc(8 << 20, 'retrace');
    expect((await roundTrip(socket, bytes)).equals(bytes)).toBe(true);
    socket.end();
    await closed(socket);
    await waitFor(() => proxy.connectionCount === 0, { what: 'no connection' });
  });

  it('cuts connections, refuses new ones, and heals', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: (await echoServer()).port });
    const socket = await dial(proxy);
    await roundTrip(socket, Buffer.from('x'));
    proxy.cut();
    await closed(socket);
    const refused = dial(proxy).then((it) => roundTrip(it, Buffer.from('x')));
    await expect(refused).rejects.toThrow(/closed|ECONNRESET/);
    proxy.heal();
    expect(await roundTrip(await dial(proxy), Buffer.from('y'))).toEqual(Buffer.from('y'));
  });

  it('delays each byte in each direction, and keeps the throughput', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: (await echoServer()).port });
    proxy.delay(60);
    const socket = await dial(proxy);
    expect(await durationMs(() => roundTrip(socket, Buffer.from('x')))).toBeGreaterThanOrEqual(119);
    expect(await durationMs(() => roundTrip(socket, Buffer.alloc(1 << 20)))).toBeLessThan(3000);
  });

  it('slows down', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: (await echoServer()).port });
    proxy.slow(1 << 20);
    const socket = await dial(proxy);
    const tookMs = await durationMs(() => roundTrip(socket, Buffer.alloc(256 << 10)));
    expect(tookMs).toBeGreaterThanOrEqual(240);
  });

  it('leaves connections half-open, and delivers late what they held', async () => {
    const server = await echoServer();
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: server.port });
    const old = await dial(proxy);
    await roundTrip(old, Buffer.from('a'));
    proxy.halfOpen();
    old.end('W1');
    const fresh = await dial(proxy);
    await roundTrip(fresh, Buffer.from('W2'));
    expect(server.received()).toBe('aW2');
    expect(server.sockets[0]?.readableEnded).toBe(false);
    proxy.thaw();
    await waitFor(() => server.received() === 'aW2W1', { what: 'the late W1' });
    await waitFor(() => server.sockets[0]?.destroyed, { what: 'the end of the old connection' });
  });

  it('closes the client where nobody is behind it', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: 1 });
    const socket = await dial(proxy);
    await closed(socket);
    expect(proxy.connectionCount).toBe(0);
  });
});
