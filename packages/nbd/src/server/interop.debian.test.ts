import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { expectBadRequestsRefused } from '../../../../test/lib/bad-requests.js';
import { describeWith } from '../../../../test/lib/require-debian.js';
import { run } from '../../../../test/lib/run.js';
import { MemoryExport, MemoryProvider } from '../testing/memory-export.js';
import { NbdServer } from './server.js';

const MIB = 1024 * 1024;
const NAME = 'web-01/root@seq:7';

type Rows = readonly Readonly<Record<string, unknown>>[];

interface Listing {
  readonly exports: Rows;
}

let folder = '';
let server: NbdServer;
let disk: MemoryExport;
let uri = '';
const provider = new MemoryProvider({});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nbd-'));
  server = await NbdServer.listen({ address: { path: join(folder, 's') }, provider });
  uri = server.uri(NAME);
});

beforeEach(() => {
  disk = new MemoryExport({ sizeBytes: 8 * MIB, info: { name: 'canonical', description: 'text' } });
  disk.bytes.fill('data', MIB, 2 * MIB);
  provider.exports.set(NAME, disk);
  const readOnly = new MemoryExport({ sizeBytes: MIB, info: { readOnly: true } });
  provider.exports.set('read-only', readOnly);
  provider.exports.set('aligned', new MemoryExport({ info: { minBlockBytes: 4096 } }));
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Runs a program that must end well; what it printed. */
async function ok(command: string, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(command, args);
  return stdout + stderr;
}

describeWith(['nbdinfo'], 'nbdinfo', () => {
  it('understands the export', async () => {
    const { exports } = JSON.parse(await ok('nbdinfo', '--json', uri)) as Listing;
    const [found] = exports;
    expect(found).toMatchObject({
      'export-name': 'canonical',
      description: 'text',
      'export-size': 8 * MIB,
      can_df: true,
      can_fast_zero: true,
      can_multi_conn: true,
      is_read_only: false,
      block_size_minimum: 1,
      contexts: ['base:allocation'],
    });
  });

  it('lists exports and maps extents', async () => {
    const { exports } = JSON.parse(await ok('nbdinfo', '--list', '--json', uri)) as Listing;
    expect(exports.map((one) => one['export-name'])).toContain('canonical');
    const map = JSON.parse(await ok('nbdinfo', '--map', '--json', uri)) as Rows;
    expect(map.map(({ length, type }) => [length, type])).toEqual([
      [MIB, 3],
      [MIB, 0],
      [6 * MIB, 3],
    ]);
  });
});

describeWith(['nbdcopy'], 'nbdcopy', () => {
  it('copies out and in', async () => {
    const file = join(folder, 'out.raw');
    await ok('nbdcopy', uri, file);
    expect(readFileSync(file).equals(disk.bytes)).toBe(true);
    const changed = Buffer.alloc(8 * MIB, 'changed');
    writeFileSync(file, changed);
    await ok('nbdcopy', '--flush', file, uri);
    expect(disk.bytes.equals(changed)).toBe(true);
    expect(disk.calls).toContain('flush');
  });
});

describeWith(['qemu-img', 'qemu-io'], 'qemu', () => {
  it('converts, compares and maps', async () => {
    const file = join(folder, 'copy.qcow2');
    await ok('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', uri, file);
    await ok('qemu-img', 'compare', '-F', 'raw', file, uri);
    const text = await ok('qemu-img', 'map', '--output=json', '-f', 'raw', uri);
    const map = JSON.parse(text) as Rows;
    expect(map[1]).toMatchObject({ start: MIB, length: MIB, zero: false });
    await ok('qemu-img', 'convert', '-n', '-O', 'raw', file, uri);
  });

  it('reads, writes, zeroes and discards', async () => {
    const commands = [
      'write -P 7 4096 8192',
      'write -z 65536 4096',
      'discard 131072 65536',
      'flush',
    ];
    const asked = [...commands, 'read -P 7 4096 8192', 'read -P 0 65536 4096'];
    const output = await ok('qemu-io', '-f', 'raw', ...asked.flatMap((it) => ['-c', it]), uri);
    expect(output).not.toMatch(/failed|error/i);
    expect(disk.calls.some((call) => call.startsWith('trim'))).toBe(true);
  });

  it('is told the text of an error, and lives on', async () => {
    const output = await ok(
      'qemu-io',
      '-r',
      '-f',
      'raw',
      '-c',
      'read 0 512',
      server.uri('read-only'),
    );
    expect(output).toMatch(/read 512\/512 bytes/);
    const refused = await run('qemu-io', ['-f', 'raw', '-c', 'read 0 1', server.uri('nope')], {
      accept: 'any',
    });
    expect(refused.stderr).toMatch(/NBD_UNKNOWN_EXPORT/);
  });
});

describeWith(['fio'], 'fio', () => {
  it('verifies what it wrote', async () => {
    const job = ['--name=x', '--ioengine=nbd', `--uri=${uri}`, '--rw=randwrite', '--bs=4k'];
    const verify = ['--iodepth=16', '--size=8M', '--verify=crc32c', '--verify_fatal=1'];
    // It leaves the state of its check where it runs.
    await run('fio', [...job, ...verify], { cwd: folder });
  });
});

describeWith(['nbdsh'], 'libnbd', () => {
  it.each([
    [NAME, 'writable'],
    ['read-only', 'read-only'],
    ['aligned', 'aligned'],
  ] as const)('gets the right errno for every bad request to %s, and it lives on', (name, kind) =>
    expectBadRequestsRefused(server.uri(name), kind),
  );
});
