import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { programPath } from '../../scripts/lib/debian.mjs';
import {
  attachNbd,
  describeWith,
  e2fsck,
  isMountPoint,
  mountNbd,
  type Program,
  run,
  socketPath,
  spawnProgram,
  tempDir,
  waitFor,
} from './index.js';

const NEEDS = [
  'nbdkit',
  'nbdfuse',
  'fusermount3',
  'losetup',
  'mount',
  'mkfs.ext4',
  'e2fsck',
] as const;

/** A fresh image of 32 MiB with an ext4 filesystem. */
async function ext4Image(): Promise<string> {
  const image = join(tempDir(), 'disk.raw');
  writeFileSync(image, '');
  truncateSync(image, 32 << 20);
  await run('mkfs.ext4', ['-q', '-F', image]);
  return image;
}

/** nbdkit with a plugin, on a unix socket. */
async function nbdkit(...plugin: string[]): Promise<{ program: Program; uri: string }> {
  const socket = socketPath();
  const program = spawnProgram({ command: 'nbdkit', args: ['-f', '-U', socket, ...plugin] });
  await waitFor(() => existsSync(socket), {
    what: 'the socket of nbdkit',
    detail: () => program.describe(),
  });
  return { program, uri: `nbd+unix:///?socket=${socket}` };
}

function loopDevices(): string {
  const env = { ...process.env, PATH: programPath() };
  return execFileSync('losetup', ['--list', '--noheadings'], { env, encoding: 'utf8' });
}

describeWith([...NEEDS, 'root', 'fuse', 'loop'], 'mountNbd', () => {
  const left: { mountPoint: string; file: string; device: string }[] = [];

  it('mounts an export, and what is written arrives in the image', async () => {
    const image = await ext4Image();
    const { uri } = await nbdkit('file', image);
    const mounted = await mountNbd(uri);
    writeFileSync(join(mounted.mountPoint, 'hello'), 'world');
    await mounted.unmount();
    expect(isMountPoint(mounted.mountPoint)).toBe(false);
    expect(loopDevices()).not.toContain(mounted.file);
    const again = await mountNbd(uri, { readOnly: true, type: 'ext4' });
    expect(readFileSync(join(again.mountPoint, 'hello'), 'utf8')).toBe('world');
    expect(() => writeFileSync(join(again.mountPoint, 'x'), '')).toThrow('EROFS');
    left.push(again);
  });

  it('has cleaned up after the test before, which did not', () => {
    expect(left).toHaveLength(1);
    for (const { mountPoint, file } of left) {
      expect(existsSync(mountPoint)).toBe(false);
      expect(existsSync(file)).toBe(false);
      expect(loopDevices()).not.toContain(file);
    }
  });

  it('cleans up where there is nothing to mount', async () => {
    const { uri } = await nbdkit('memory', '32M');
    await expect(mountNbd(uri, { type: 'ext4' })).rejects.toThrow(/mount[\s\S]*exit status 32/);
  });

  it('says so where there is no server', async () => {
    const uri = `nbd+unix:///?socket=${join(tempDir(), 'none.sock')}`;
    await expect(attachNbd(uri)).rejects.toThrow(/nbdfuse[\s\S]*exit status/);
  });

  it('can be undone after the server has died', async () => {
    const { program, uri } = await nbdkit('file', await ext4Image());
    const mounted = await mountNbd(uri);
    writeFileSync(join(mounted.mountPoint, 'lost'), 'never synced');
    await program.kill();
    await mounted.unmount().catch(() => undefined);
    expect(isMountPoint(mounted.mountPoint)).toBe(false);
  });

  it('can be undone while the server is stopped', async () => {
    const { program, uri } = await nbdkit('file', await ext4Image());
    const mounted = await mountNbd(uri, { unmountTimeoutMs: 300 });
    writeFileSync(join(mounted.mountPoint, 'lost'), 'never synced');
    program.signal('SIGSTOP');
    await expect(mounted.unmount()).rejects.toThrow('could not be unmounted in order');
    expect(isMountPoint(mounted.mountPoint)).toBe(false);
    left.push(mounted);
  });

  it('has cleaned up after that too', () => {
    expect(left).toHaveLength(2);
    for (const { file } of left) expect(loopDevices()).not.toContain(file);
  });
});

describeWith(['mkfs.ext4', 'e2fsck', 'debugfs'], 'e2fsck', () => {
  it('tells a sound filesystem from a damaged one', async () => {
    const image = await ext4Image();
    expect(await e2fsck(image)).toMatchObject({ isClean: true, exit: 0 });
    // Without its root folder.
    await run('debugfs', ['-w', '-R', 'clri <2>', image]);
    expect((await e2fsck(image)).isClean).toBe(false);
  });
});
