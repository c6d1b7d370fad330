import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NbdClient } from '../client/client.js';
import { NbdServer } from '../server/server.js';
import { MemoryExport, MemoryProvider } from '../testing/memory-export.js';

let folder = '';
const servers: NbdServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nbd-'));
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  rmSync(folder, { recursive: true });
});

async function listen(address: { path: string } | { host: string; port: number }) {
  const provider = new MemoryProvider({ '': new MemoryExport() });
  const server = await NbdServer.listen({ address, provider });
  servers.push(server);
  return server;
}

const used: unknown = expect.objectContaining({ code: 'NBD_ADDRESS_IN_USE' });

describe('listening', () => {
  it('on port 0 takes any port and says which', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0 });
    expect(server.uri('a/b')).toMatch(/^nbd:\/\/127\.0\.0\.1:[1-9]\d*\/a\/b$/);
    const client = await NbdClient.connect(server.uri());
    expect(client.info.sizeBytes).toBe(1048576);
    await client.close();
  });

  it('on a port in use is a named error', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0 });
    const address = server.address as { host: string; port: number };
    await expect(listen(address)).rejects.toEqual(used);
  });

  it('on a host that is not here is a named error', async () => {
    const refused: unknown = expect.objectContaining({ code: 'NBD_LISTEN_FAILED' });
    await expect(listen({ host: '192.0.2.1', port: 0 })).rejects.toEqual(refused);
  });

  it('on a socket somebody listens on is a named error, and leaves it alone', async () => {
    const path = join(folder, 's');
    const server = await listen({ path });
    await expect(listen({ path })).rejects.toEqual(used);
    await (await NbdClient.connect(server.uri())).close();
  });

  it('replaces a socket a dead server left behind', async () => {
    const path = join(folder, 's');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () =>
      process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    const server = await listen({ path });
    await (await NbdClient.connect(server.uri())).close();
  });

  it('never removes a file that is not a socket', async () => {
    const path = join(folder, 's');
    writeFileSync(path, 'precious');
    await expect(listen({ path })).rejects.toEqual(used);
  });

  it('without an address has none', () => {
    const server = NbdServer.create({ provider: new MemoryProvider({}) });
    expect(() => server.uri()).toThrowError(expect.objectContaining({ code: 'NBD_NOT_LISTENING' }));
  });

  it('gives the client NBD_CONNECT_FAILED when nobody does', async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(join(folder, 'p'), resolve));
    await new Promise((resolve) => probe.close(resolve));
    await expect(NbdClient.connect(`nbd+unix:///?socket=${folder}/p`)).rejects.toEqual(
      expect.objectContaining({ code: 'NBD_CONNECT_FAILED' }),
    );
  });
});
