import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NbdServer } from '@retrace/nbd';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../testing/cli.js';
import { FakeServer } from '../testing/fake-server.js';
import { type DiskUse, serveDisks } from '../testing/memory-disk.js';

const MIB = 1024 * 1024;

describe('retrace export', () => {
  let http: FakeServer;
  let nbd: NbdServer;
  let use: DiskUse;
  let folder: string;
  let disk: Buffer;
  const target = () => join(folder, 'disk.img');
  const run = (...args: string[]) => cli(['export', ...args, '--server', http.url]);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'retrace-export-'));
    // An odd size, a hole in the middle, data up to the very end.
    disk = Buffer.alloc(9 * MIB + 777);
    randomBytes(2 * MIB + 5).copy(disk, 100);
    randomBytes(1000).copy(disk, disk.length - 1000);
    http = await FakeServer.start();
    const served = await serveDisks({ 'm/v@seq:7': disk });
    ({ server: nbd, use } = served);
    http.routes.set('GET /v1/status', { json: { server: { nbd: [served.uri] } } });
    const answer = { volume: 'm/v', seq: 7, name: 'seq:7', timeUs: 1, state: 'crash' };
    http.routes.set('GET /v1/resolve', { json: answer });
  });
  afterEach(async () => {
    await nbd.close();
    await http.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('makes a sparse file of the exact instant, and reads no holes', async () => {
    const { exit, stdout, stderr } = await run('m/v@-5m', target());
    expect(stderr).toBe('');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/disk.img: 9.0. MiB of m\/v@seq:7 \(seq 7\)/);
    expect((await readFile(target())).equals(disk)).toBe(true);
    expect((await stat(target())).blocks * 512).toBeLessThan(4 * MIB);
    expect((await stat(target())).mode & 0o777).toBe(0o600);
    expect(use.readBytes).toBeLessThan(4 * MIB);
    expect(await readdir(folder)).toEqual(['disk.img']);
    expect(http.requests[0]).toMatchObject({ path: '/v1/resolve', query: { target: 'm/v@-5m' } });
  });

  it('tells programs what it wrote', async () => {
    const { json } = await run('m/v@-5m', target(), '--json');
    const expected = { volume: 'm/v', seq: 7, file: target(), format: 'raw', bytes: disk.length };
    expect(json).toMatchObject(expected);
  });

  it('streams to stdout, holes included, and nothing else', async () => {
    const { exit, stdout } = await run('m/v@latest', '-', '--offset', '2M', '--length', '300k');
    expect(exit).toBe(0);
    const wanted = disk.subarray(2 * MIB, 2 * MIB + 300 * 1024);
    expect(stdout).toBe(wanted.toString('utf8'));
  });

  it('takes a part of the volume into a file', async () => {
    await run('m/v@latest', target(), '--offset', '50', '--length', String(3 * MIB));
    expect((await readFile(target())).equals(disk.subarray(50, 50 + 3 * MIB))).toBe(true);
    const beyond = await run('m/v@latest', join(folder, 'x'), '--length', '1T');
    expect(beyond).toMatchObject({ exit: 2 });
  });

  it('does not touch a file that exists, unless told to', async () => {
    await writeFile(target(), 'precious');
    const refused = await run('m/v@latest', target());
    expect(refused).toMatchObject({ exit: 2 });
    expect(refused.stderr).toMatch(/exists: .*--force/);
    expect(await readFile(target(), 'utf8')).toBe('precious');
    expect((await run('m/v@latest', target(), '--force')).exit).toBe(0);
    expect((await readFile(target())).equals(disk)).toBe(true);
  });

  it('hands on what the NBD server refuses, and leaves nothing behind', async () => {
    const answer = { volume: 'm/v', seq: 8, name: 'seq:8' };
    http.routes.set('GET /v1/resolve', { json: answer });
    const { exit, stderr } = await run('m/v@seq:8', target());
    expect(exit).toBe(3);
    expect(stderr).toMatch(/^retrace: INSTANT_UNKNOWN: /);
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops when asked to, and leaves nothing behind', async () => {
    const args = ['export', 'm/v@latest', target(), '--server', http.url, '--json'];
    const result = await cli(args, {
      onStop: (listener) => {
        listener('SIGINT');
        return () => {};
      },
    });
    expect(result.exit).toBe(1);
    expect(result.stderr).toMatch(/stopped by SIGINT/);
    expect(await readdir(folder)).toEqual([]);
  });

  it('says so when the folder is not there', async () => {
    const { exit, stderr } = await run('m/v@latest', join(folder, 'none', 'x'));
    expect(exit).toBe(1);
    expect(stderr).toMatch(/^retrace: STORAGE_FAILED: .* cannot be written: ENOENT/);
  });

  it('needs qemu-img for qcow2', async () => {
    const args = ['export', 'm/v@latest', target(), '--format', 'qcow2', '--server', http.url];
    const result = await cli(args, { findProgram: () => undefined });
    expect(result.exit).toBe(1);
    expect(result.stderr).toMatch(/^retrace: TOOL_MISSING: qemu-img, .*apt-get install qemu-utils/);
    expect(await readdir(folder)).toEqual([]);
  });
});
