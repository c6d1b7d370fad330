import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requireDebian } from '../../../../test/lib/require-debian.js';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { runProgram } from '../system/programs.js';
import { cli } from '../testing/cli.js';
import { FakeServer } from '../testing/fake-server.js';
import { serveDisks } from '../testing/memory-disk.js';

const MIB = 1024 * 1024;
const TEXT = 'what was written';

/** An image of one filesystem with one file. */
const makeFilesystem = async (): Promise<Buffer> => {
  const folder = tempDir();
  const image = join(folder, 'image');
  mkdirSync(join(folder, 'files'));
  writeFileSync(join(folder, 'files', 'note'), TEXT);
  writeFileSync(image, '');
  truncateSync(image, 8 * MIB);
  const args = ['-q', '-F', '-d', join(folder, 'files'), image];
  const end = await runProgram('/sbin/mkfs.ext4', args);
  expect(end).toMatchObject({ exit: 0 });
  return readFileSync(image);
};

/** A disk with an MS-DOS partition table and a filesystem in each partition. */
const partitioned = (filesystem: Buffer, count: number): Buffer => {
  const disk = Buffer.alloc(MIB + count * filesystem.length);
  for (let i = 0; i < count; i++) {
    const start = MIB + i * filesystem.length;
    filesystem.copy(disk, start);
    const entry = 446 + 16 * i;
    disk[entry + 4] = 0x83;
    disk.writeUInt32LE(start / 512, entry + 8);
    disk.writeUInt32LE(filesystem.length / 512, entry + 12);
  }
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
};

const canMount = requireDebian('root', 'fuse', 'loop', 'nbdfuse', 'losetup', 'mount', 'mkfs.ext4');

describe.skipIf(!canMount)('retrace mount and umount', () => {
  let http: FakeServer;
  let served: Awaited<ReturnType<typeof serveDisks>>;
  let dir: string;
  let runtime: string;

  const run = (...args: string[]) =>
    cli([...args, '--json'], {
      uid: 0,
      env: { RETRACE_RUNTIME_DIR: runtime, RETRACE_SERVER: http.url },
    });
  const left = () =>
    existsSync(join(runtime, 'mounts')) ? readdirSync(join(runtime, 'mounts')) : [];
  /** By a process of its own: a read from this one would wait for itself. */
  const contents = async (name: string) => runProgram('/bin/cat', [join(dir, name)]);

  beforeAll(async () => {
    const filesystem = await makeFilesystem();
    http = await FakeServer.start();
    served = await serveDisks(
      {
        'scratch:m/whole@seq:7': filesystem,
        'scratch:m/one@seq:7': partitioned(filesystem, 1),
        'scratch:m/two@seq:7': partitioned(filesystem, 2),
        'scratch:m/none@seq:7': Buffer.alloc(MIB),
      },
      { writable: true },
    );
    http.routes.set('GET /v1/status', { json: { server: { nbd: [served.uri] } } });
    http.routes.set('GET /v1/resolve', ({ query }) => {
      const volume = query.target?.split('@')[0];
      return { json: { volume, seq: 7, name: 'seq:7', timeUs: 1 } };
    });
  });
  afterAll(async () => {
    await served.server.close();
    await http.close();
  });
  beforeEach(() => {
    dir = tempDir();
    runtime = tempDir();
  });

  it.each([
    ['m/whole', 0],
    ['m/one', 1],
  ])('shows the only filesystem of %s, and undoes all of it', async (volume, partition) => {
    const mounted = await run('mount', `${volume}@latest`, dir);
    expect(mounted).toMatchObject({ exit: 0, json: { dir, fsType: 'ext4', partition, seq: 7 } });
    expect(await contents('note')).toMatchObject({ stdout: TEXT });
    expect(await run('mount', `${volume}@latest`, dir)).toMatchObject({ exit: 1 });
    expect(await run('umount', dir)).toMatchObject({ exit: 0 });
    expect(await contents('note')).toMatchObject({ exit: 1 });
    expect(left()).toEqual([]);
    const again = await run('umount', dir);
    expect(again).toMatchObject({ exit: 1, json: { error: { code: 'NOT_MOUNTED' } } });
  });

  it('wants to know which of several filesystems, and leaves nothing behind', async () => {
    const asked = await run('mount', 'm/two@latest', dir);
    expect(asked.exit).toBe(2);
    expect(asked.stderr).toMatch(/1 \(ext4, 8 MiB\), 2 \(ext4, 8 MiB\): choose one/);
    expect(left()).toEqual([]);
    const chosen = await run('mount', 'm/two@latest', dir, '--partition', '2', '--read-only');
    expect(chosen).toMatchObject({ exit: 0, json: { partition: 2 } });
    expect(await contents('note')).toMatchObject({ stdout: TEXT });
    expect(await runProgram('/usr/bin/touch', [join(dir, 'x')])).toMatchObject({ exit: 1 });
    expect(await run('umount', dir)).toMatchObject({ exit: 0 });
  });

  it.each([
    ['m/none', 1, /no filesystem at that instant/],
    ['m/unknown', 3, /INSTANT_UNKNOWN/],
  ])('undoes what it made when %s cannot be mounted', async (volume, exit, message) => {
    const failed = await run('mount', `${volume}@latest`, dir);
    expect(failed.exit).toBe(exit);
    expect(failed.stderr).toMatch(message);
    expect(left()).toEqual([]);
    expect((await runProgram('/sbin/losetup', ['-a'])).stdout).not.toContain(runtime);
  });

  it('does not pull a filesystem from under its users', async () => {
    expect(await run('mount', 'm/whole@latest', dir)).toMatchObject({ exit: 0 });
    // Its working folder is there before it runs.
    const user = spawn('/bin/sleep', ['60'], { cwd: dir, stdio: 'ignore' });
    const gone = once(user, 'exit');
    await once(user, 'spawn');
    const refused = await run('umount', dir);
    expect(refused.exit).toBe(1);
    expect(refused.stderr).toMatch(/fuser -vm/);
    expect(await contents('note')).toMatchObject({ stdout: TEXT });
    user.kill('SIGKILL');
    await gone;
    expect(await run('umount', dir)).toMatchObject({ exit: 0 });
    expect(left()).toEqual([]);
  });
});
