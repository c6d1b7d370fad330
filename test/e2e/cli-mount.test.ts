import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@retrace/core';
import { expect, it } from 'vitest';
import {
  atEnd,
  attachNbd,
  describeWith,
  isMountPoint,
  mountNbd,
  protect,
  resolveInstant,
  retrace,
  run,
  tempDir,
  waitStored,
} from '../lib/index.js';

const DISK = { name: 'root', sizeBytes: 32 << 20 };
const VOLUME = 'web-01/root';

describeWith(['root', 'fuse', 'loop', 'nbdfuse', 'mkfs.ext4'], 'retrace mount', () => {
  it('shows the files of an instant, and umount takes them away', async () => {
    const { agent, server, machine } = await protect({ disks: [DISK] });
    const { file, detach } = await attachNbd(agent.uri('root'), { connections: 1 });
    await run('mkfs.ext4', ['-q', file]);
    await detach();
    const mounted = await mountNbd(agent.uri('root'), { connections: 1 });
    const write = async (text: string): Promise<string> => {
      writeFileSync(join(mounted.mountPoint, 'note.txt'), text, { flush: true });
      await run('sync', ['-f', mounted.mountPoint]);
      await waitStored(server, machine, systemClock.nowUs());
      return `${VOLUME}@${(await resolveInstant(server, `${VOLUME}@latest`)).name}`;
    };
    const first = await write('the first');
    const second = await write('the second');

    const folder = tempDir();
    atEnd(async () => {
      if (isMountPoint(folder)) await retrace(['umount', folder]);
    });
    for (const [target, text] of [
      [first, 'the first'],
      [second, 'the second'],
    ] as const) {
      const options = { server: server.http, accept: [0] };
      await retrace(['mount', target, folder, '--json'], options);
      expect(isMountPoint(folder)).toBe(true);
      expect(readFileSync(join(folder, 'note.txt'), 'utf8')).toBe(text);
      // What is written here is thrown away, and nobody else sees it.
      writeFileSync(join(folder, 'note.txt'), 'scribbled');
      await retrace(['umount', folder, '--json'], options);
      expect(isMountPoint(folder)).toBe(false);
    }
    expect(existsSync(join(folder, 'note.txt'))).toBe(false);
    expect(readFileSync(join(mounted.mountPoint, 'note.txt'), 'utf8')).toBe('the second');

    const gone = await retrace(['umount', folder, '--json'], { server: server.http });
    expect(gone).toMatchObject({ exit: 1, json: { error: { code: 'NOT_MOUNTED' } } });
    const refused = await retrace(['mount', `${VOLUME}@seq:999999`, folder, '--json'], {
      server: server.http,
    });
    expect(refused).toMatchObject({ exit: 3, json: { error: { code: 'INSTANT_IN_FUTURE' } } });
    await mounted.unmount();
  }, 60_000);
});
