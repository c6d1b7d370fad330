import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { have, run } from '../testing/debian.js';
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

async function ok(command: string, ...arguments_: readonly string[]): Promise<string> {
  const { status, output } = await run(command, ...arguments_);
  expect(status, output).toBe(0);
  return output;
}

describe.skipIf(!have('nbdinfo'))('nbdinfo', () => {
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

describe.skipIf(!have('nbdcopy'))('nbdcopy', () => {
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

describe.skipIf(!have('qemu-img'))('qemu', () => {
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
    const refused = await run('qemu-io', '-f', 'raw', '-c', 'read 0 1', server.uri('nope'));
    expect(refused.output).toMatch(/NBD_UNKNOWN_EXPORT/);
  });
});

describe.skipIf(!have('fio'))('fio', () => {
  it('verifies what it wrote', async () => {
    const job = ['--name=x', '--ioengine=nbd', `--uri=${uri}`, '--rw=randwrite', '--bs=4k'];
    const verify = ['--iodepth=16', '--size=8M', '--verify=crc32c', '--verify_fatal=1'];
    const { status, output } = await run('fio', ...job, ...verify);
    expect(status, output).toBe(0);
  });
});

const BAD_REQUESTS = `
import errno, nbd, sys
uri, read_only, aligned = sys.argv[1:4]

def connect(where, structured=True):
    h = nbd.NBD()
    h.set_strict_mode(0)
    h.set_request_structured_replies(structured)
    if structured:
        h.add_meta_context("base:allocation")
    h.connect_uri(where)
    return h

def refused(h, expected, call):
    try:
        call()
    except nbd.Error as error:
        assert error.errnum == expected, (call, errno.errorcode.get(error.errnum), error.string)
    else:
        raise AssertionError("not refused")
    h.pread(512, 0)

for structured in (True, False):
    h = connect(uri, structured)
    size = h.get_size()
    data = bytearray(1024)
    refused(h, errno.ENOSPC, lambda: h.pwrite(data, size - 512))
    refused(h, errno.ENOSPC, lambda: h.zero(1024, size - 512))
    refused(h, errno.EINVAL, lambda: h.pread(1024, size - 512))
    refused(h, errno.EINVAL, lambda: h.trim(1024, size - 512))
    refused(h, errno.EINVAL, lambda: h.cache(1024, size - 512))
    refused(h, errno.EINVAL, lambda: h.pread(512, 0, nbd.CMD_FLAG_REQ_ONE))
    refused(h, errno.EINVAL, lambda: h.pwrite(data, 0, nbd.CMD_FLAG_DF))
    refused(h, errno.EINVAL, lambda: h.trim(512, 0, 1 << 9))
    refused(h, errno.EINVAL, lambda: h.trim(0, 0))
    if structured:
        assert h.can_df()
        h.pread(65536, 0, nbd.CMD_FLAG_DF)
        extents = []
        h.block_status(size, 0, lambda *call: extents.append(call), nbd.CMD_FLAG_REQ_ONE)
        assert len(extents[0][2]) == 2, extents
    else:
        assert not h.can_df()
        refused(h, errno.EINVAL, lambda: h.pread(512, 0, nbd.CMD_FLAG_DF))
    h.shutdown()

h = connect(read_only)
refused(h, errno.EPERM, lambda: h.pwrite(bytearray(512), 0))
refused(h, errno.EPERM, lambda: h.trim(512, 0))
refused(h, errno.EPERM, lambda: h.zero(512, 0))
h.shutdown()

h = connect(aligned)
assert h.get_block_size(nbd.SIZE_MINIMUM) == 4096
def unaligned(call):
    try:
        call()
    except nbd.Error as error:
        assert error.errnum == errno.EINVAL, error
    else:
        raise AssertionError("not refused")
    h.pread(4096, 0)
unaligned(lambda: h.pread(512, 0))
unaligned(lambda: h.pwrite(bytearray(4096), 512))
unaligned(lambda: h.trim(4096, 2048))
h.shutdown()
print("all refused")
`;

describe.skipIf(!have('nbdsh'))('libnbd', () => {
  it('gets the right errno for every bad request, and the connection lives on', async () => {
    const others = ['read-only', 'aligned'].map((name) => server.uri(name));
    const output = await ok('/usr/bin/python3', '-c', BAD_REQUESTS, uri, ...others);
    expect(output).toMatch(/all refused/);
  });
});
