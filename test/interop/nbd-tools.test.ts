import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  attachNbd,
  describeWith,
  firstDifference,
  type Protection,
  protect,
  resolveInstant,
  run,
  seededRandom,
  tempDir,
  waitStored,
} from '../lib/index.js';

const MIB = 1 << 20;
const SIZE_BYTES = 8 * MIB;
const VOLUME = 'web-01/root';

interface InfoReport {
  readonly exports: readonly Readonly<Record<string, unknown>>[];
}

async function infoOf(uri: string, ...args: string[]): Promise<InfoReport['exports']> {
  const { stdout } = await run('nbdinfo', ['--json', ...args, uri]);
  return (JSON.parse(stdout) as InfoReport).exports;
}

const NEEDS = ['nbdinfo', 'nbdcopy', 'qemu-img', 'qemu-io', 'root', 'fuse', 'nbdfuse'] as const;

describeWith(NEEDS, "the NBD tools of others, on the server's and the agent's exports", () => {
  let here: Protection;
  let seq = 0;
  let disk: Buffer;
  const view = (instant: string): string => here.server.exportUri(`${VOLUME}@${instant}`);
  const scratch = (): string => here.server.exportUri(`scratch:${VOLUME}@seq:${seq}`);

  beforeAll(async () => {
    here = await protect({ disks: [{ name: 'root', sizeBytes: SIZE_BYTES }] });
    const random = seededRandom();
    const client = await NbdClient.connect(here.agent.uri('root'));
    await client.write(MIB, random.bytes(MIB));
    await client.write(4 * MIB + 100, random.bytes(5000));
    await client.trim(MIB + 65_536, 65_536);
    await client.flush();
    await client.close();
    await waitStored(here.server, here.machine, systemClock.nowUs());
    seq = (await resolveInstant(here.server, `${VOLUME}@latest`)).seq;
    disk = readFileSync(here.disk('root'));
  });

  it('nbdinfo is told size, rights and the exact name', async () => {
    const [exact] = await infoOf(view(`seq:${seq}`));
    expect(exact).toMatchObject({
      'export-name': `${VOLUME}@seq:${seq}`,
      'export-size': SIZE_BYTES,
      is_read_only: true,
      can_multi_conn: true,
      can_df: true,
      block_size_minimum: 1,
      block_size_preferred: 4096,
      block_size_maximum: 32 * MIB,
      contexts: ['base:allocation'],
    });
    for (const moving of [`${VOLUME}`, `${VOLUME}@latest`, `${VOLUME}@~seq:${seq}`]) {
      const [found] = await infoOf(here.server.exportUri(moving));
      expect(found).toMatchObject({
        'export-name': `${VOLUME}@seq:${seq}`,
        is_read_only: true,
        can_multi_conn: false,
      });
    }
    const writable = { is_read_only: false, can_flush: true, can_fua: true, can_trim: true };
    expect((await infoOf(scratch()))[0]).toMatchObject({ ...writable, can_multi_conn: false });
    expect((await infoOf(here.agent.uri('root')))[0]).toMatchObject({
      ...writable,
      can_zero: true,
      'export-size': SIZE_BYTES,
    });
  });

  it('nbdinfo lists volumes', async () => {
    const listed = await infoOf(here.server.nbd, '--list');
    const names = listed.map((one) => String(one['export-name']));
    expect(names.some((name) => name.startsWith(VOLUME))).toBe(true);
  });

  it('qemu is told why an instant cannot be had', async () => {
    for (const [uri, code] of [
      [view('seq:999999'), 'INSTANT_IN_FUTURE'],
      [here.server.exportUri('web-02/x'), 'VOLUME_UNKNOWN'],
    ] as const) {
      const refused = await run('qemu-img', ['info', uri], { accept: 'any' });
      expect(refused.exit).not.toBe(0);
      expect(refused.stderr).toContain(`${code}: `);
      expect((await run('nbdinfo', [uri], { accept: 'any' })).exit).not.toBe(0);
    }
  });

  it('nbdinfo and qemu-img map holes where nothing was written', async () => {
    const { stdout } = await run('qemu-img', ['map', '--output=json', '-f', 'raw', view('latest')]);
    const map = JSON.parse(stdout) as { start: number; length: number; zero: boolean }[];
    expect(map.reduce((sum, { length }) => sum + length, 0)).toBe(SIZE_BYTES);
    for (const { start, length, zero } of map) {
      if (zero) expect(disk.subarray(start, start + length).every((byte) => byte === 0)).toBe(true);
    }
    const zeroAt = (at: number): boolean | undefined =>
      map.find(({ start, length }) => at >= start && at < start + length)?.zero;
    expect([0, MIB, MIB + 70_000, 2 * MIB, 4 * MIB].map(zeroAt)).toEqual([
      ...[true, false, true, true],
      false,
    ]);
    await run('nbdinfo', ['--map', view('latest')]);
  });

  it('nbdcopy and qemu-img copy a view as it is', async () => {
    const [copied, converted] = [join(tempDir(), 'a.raw'), join(tempDir(), 'b.qcow2')];
    await run('nbdcopy', [view(`seq:${seq}`), copied]);
    expect(firstDifference(readFileSync(copied), disk)).toBeUndefined();
    const convert = ['convert', '-f', 'raw', '-O', 'qcow2', view(`seq:${seq}`), converted];
    await run('qemu-img', convert);
    await run('qemu-img', ['compare', '-F', 'raw', converted, here.disk('root')]);
  });

  it('qemu-io and fio read and write, nbdfuse shows a file', async () => {
    const commands = ['write -P 7 0 8192', 'write -z 1M 64k', 'discard 2M 64k', 'flush'];
    const checks = ['read -P 7 0 8192', 'read -P 0 1M 64k'];
    const asked = [...commands, ...checks].flatMap((command) => ['-c', command]);
    const { stdout } = await run('qemu-io', ['-f', 'raw', ...asked, scratch()]);
    expect(stdout).not.toMatch(/fail|error/i);
    const job = ['--name=x', '--ioengine=nbd', '--rw=randread', '--bs=4k', '--size=8M'];
    await run('fio', [...job, '--iodepth=16', `--uri=${view(`seq:${seq}`)}`], { cwd: tempDir() });
    const { file, detach } = await attachNbd(view(`seq:${seq}`), { readOnly: true });
    expect(firstDifference(readFileSync(file), disk)).toBeUndefined();
    await detach();
  });

  it('nbdcopy writes to the agent, and the view is that image', async () => {
    const image = seededRandom(1).bytes(SIZE_BYTES);
    const file = join(tempDir(), 'in.raw');
    writeFileSync(file, image);
    await run('nbdcopy', ['--flush', file, here.agent.uri('root')]);
    await waitStored(here.server, here.machine, systemClock.nowUs());
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', file, view('latest')]);
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', file, here.disk('root')]);
    // The instant before still is what it was.
    const before = join(tempDir(), 'before.raw');
    await run('nbdcopy', [view(`seq:${seq}`), before]);
    expect(firstDifference(readFileSync(before), disk)).toBeUndefined();
  });
});

const BLOCKS = 256;
const BLOCK = 4096;

/** Counters that a writer leaves round by round: k in the first blocks, k - 1 in the rest. */
function whyTorn(image: Buffer): string | undefined {
  const counters = Array.from({ length: BLOCKS }, (_, block) => image.readUInt32LE(block * BLOCK));
  const [newest = 0] = counters;
  const turn = counters.findIndex((counter) => counter !== newest);
  const rest = turn < 0 ? [] : counters.slice(turn);
  if (rest.every((counter) => counter === newest - 1)) return undefined;
  return `block 0 holds ${newest}, from block ${turn} on: ${rest.slice(0, 5).join(' ')}`;
}

describe('a moving name', () => {
  describeWith(['nbdcopy'], 'opened by nbdcopy during writes', () => {
    it.each([VOLUME, `${VOLUME}@latest`])(
      '%s gives one consistent image',
      async (name) => {
        const sizeBytes = BLOCKS * BLOCK;
        const { agent, server } = await protect({ disks: [{ name: 'root', sizeBytes }] });
        const client = await NbdClient.connect(agent.uri('root'));
        let isStopping = false;
        let counter = 0;
        const write = async (): Promise<void> => {
          while (!isStopping) {
            counter++;
            for (let block = 0; block < BLOCKS; block++) {
              const bytes = Buffer.alloc(BLOCK);
              bytes.writeUInt32LE(counter, 0);
              await client.write(block * BLOCK, bytes);
            }
          }
        };
        const writing = write();
        const seen = new Set<number>();
        for (let i = 0; i < 12; i++) {
          const file = join(tempDir(), 'copy.raw');
          const small = ['--request-size=4096', '--connections=4', '--requests=8'];
          await run('nbdcopy', [...small, server.exportUri(name), file]);
          const image = readFileSync(file);
          expect(whyTorn(image)).toBeUndefined();
          seen.add(image.readUInt32LE(0));
        }
        isStopping = true;
        await writing;
        await client.close();
        expect(seen.size).toBeGreaterThan(3);
      },
      60_000,
    );
  });
});
