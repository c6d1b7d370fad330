import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NbdClient } from '@retrace/nbd';
import { expect, it } from 'vitest';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { waitFor } from '../../../../test/lib/wait-for.js';
import { FakeServer } from '../testing/fake-server.js';
import { startAgent } from './start-agent.js';

it('works', async () => {
  const dir = tempDir();
  const path = join(dir, 'disk');
  writeFileSync(path, Buffer.alloc(5 << 20, 3));
  truncateSync(path, 16 << 20);
  const server = await FakeServer.start();
  const agent = await startAgent({
    server: server.url,
    machine: 'm',
    stateDir: join(dir, 'state'),
    volumes: [{ name: 'root', path }],
    onEvent: (event) => console.log(JSON.stringify(event)),
    logger: { debug: console.log, info: console.log, warn: console.log, error: console.log },
  });
  await waitFor(() => agent.volumes[0]?.state === 'protected', { what: 'protected' });
  const client = await NbdClient.connect(agent.volumes[0]!.uri);
  await client.write(4096, Buffer.alloc(4096, 9));
  await client.write(100, Buffer.alloc(5000, 8));
  await client.flush();
  await client.close();
  console.log(await agent.stop());
  console.log(server.problems, server.marks);
  expect(server.replay(0, Buffer.alloc(16 << 20)).equals(readFileSync(path))).toBe(true);
  await server.away();
});
