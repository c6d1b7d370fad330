import { truncateSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAgent } from '@retrace/agent';
import { beforeAll, describe, expect, it } from 'vitest';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { inspectFile, inspectSealed } from './inspect.js';

describe('inspect of what an agent writes', () => {
  let stateDir: string;

  beforeAll(async () => {
    const folder = tempDir();
    const path = join(folder, 'disk.img');
    stateDir = join(folder, 'state');
    writeFileSync(path, '');
    truncateSync(path, 1 << 20);
    // No server is there: the state is written all the same.
    const agent = await startAgent({
      server: 'http://127.0.0.1:1',
      machine: 'web-01',
      stateDir,
      volumes: [{ name: 'root', path, listen: '127.0.0.1:0' }],
    });
    await agent.stop({ timeoutMs: 1 });
  });

  it('knows the state folder', async () => {
    expect(await inspectFile(stateDir)).toMatchObject({ kind: 'a state folder of an agent' });
  });

  it('reads its files, and finds one flipped bit in any place', async () => {
    expect(await readdir(stateDir)).toContain('identity');
    const path = join(stateDir, 'identity');
    expect(await inspectFile(path)).toMatchObject({
      kind: 'agent state: identity',
      intact: true,
      contents: { machine: 'web-01' },
    });
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      expect(inspectSealed(damaged)?.intact ?? false, `byte ${at}`).toBe(false);
    }
  });
});
