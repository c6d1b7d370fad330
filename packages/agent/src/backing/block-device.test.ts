import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../../../../test/lib/require-debian.js';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { AgentBench, until } from '../testing/agent-bench.js';
import { FakeServer } from '../testing/fake-server.js';
import { liesOn } from './holds-state.js';
import { openDisk } from './open-disk.js';

const MIB = 1024 * 1024;

describeWith(['root', 'loop'], 'a block device', () => {
  let folder = '';
  let device = '';

  beforeEach(() => {
    folder = tempDir();
    const image = join(folder, 'image');
    writeFileSync(image, Buffer.alloc(8 * MIB, 0x77));
    device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
  });

  afterEach(() => {
    execFileSync('losetup', ['--detach', device]);
  });

  it('is held by one program, and can be read, written, zeroed and synced', async () => {
    const disk = openDisk(device);
    expect(disk).toMatchObject({ isBlockDevice: true, sizeBytes: 8 * MIB });
    expect(() => openDisk(device)).toThrow(expect.objectContaining({ code: 'VOLUME_IN_USE' }));
    disk.writeSync(4096, Buffer.alloc(4096, 1));
    expect(disk.zeroSync(8192, MIB, 'hole')).toBe(true);
    expect(disk.zeroSync(2 * MIB, MIB, 'allocated')).toBe(true);
    await disk.sync();
    const image = readFileSync(join(folder, 'image'));
    expect([image[4096], image[8192], image[2 * MIB], image[3 * MIB]]).toEqual([1, 0, 0, 0x77]);
    disk.close();
  });

  it('is clean after a clean stop, unless somebody wrote to it since', async () => {
    const server = await FakeServer.start();
    const bench = new AgentBench(folder, server);
    const volumes = [{ name: 'v', path: device }];
    await (await bench.startProtected({ volumes })).stop();
    const second = await bench.start({ volumes });
    expect(second.volumes[0]!.state).toBe('protected');
    await until(() => second.connected && second.queued.records === 0);
    await second.stop();
    execFileSync('dd', ['if=/dev/zero', `of=${device}`, 'bs=4096', 'count=1', 'conv=fsync']);
    const third = await bench.start({ volumes });
    expect(third.volumes[0]!.state).toBe('resync-needed');
    await until(() => third.volumes[0]!.state === 'protected');
    expect(server.replay(0, Buffer.alloc(8 * MIB)).equals(readFileSync(device))).toBe(true);
    await bench.end();
    expect(server.problems).toEqual([]);
  });

  it('that holds the state folder is refused, as is the file behind it', () => {
    const mount = join(folder, 'mnt');
    mkdirSync(mount);
    execFileSync('mkfs.ext4', ['-q', device]);
    execFileSync('mount', [device, mount]);
    try {
      expect(liesOn(mount, device)).toBe(true);
      expect(liesOn(mount, join(folder, 'image'))).toBe(true);
      expect(liesOn(folder, device)).toBe(false);
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});
