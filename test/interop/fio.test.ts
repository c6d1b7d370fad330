import { systemClock } from '@retrace/core';
import { expect, it } from 'vitest';
import { describeWith, protect, run, tempDir, waitStored } from '../lib/index.js';

const MIB = 1 << 20;

interface FioReport {
  readonly jobs: readonly {
    readonly error: number;
    readonly read: { readonly io_bytes: number };
    readonly write: { readonly io_bytes: number };
  }[];
}

describeWith(['fio', 'qemu-img'], 'fio on a protected disk', () => {
  it.each([
    ['random writes of 4 KiB', ['--rw=randwrite', '--bs=4k', '--iodepth=16']],
    ['sequential writes of 128 KiB', ['--rw=write', '--bs=128k', '--iodepth=4']],
    ['mixed sizes with flushes', ['--rw=randwrite', '--bsrange=512-64k', '--fsync=32']],
  ])(
    'verifies what it wrote: %s',
    async (_what, job) => {
      const { server, agent, machine, disk } = await protect({
        disks: [{ name: 'root', sizeBytes: 64 * MIB }],
      });
      const uri = agent.uri('root');
      const common = ['--name=x', '--ioengine=nbd', `--uri=${uri}`, '--size=64M', '--io_size=64M'];
      const verify = ['--verify=crc32c', '--verify_fatal=1', '--do_verify=1', '--end_fsync=1'];
      const fio = ['--output-format=json', ...common, ...job, ...verify];
      const { stdout } = await run('fio', fio, { timeoutMs: 120_000, cwd: tempDir() });
      // It says "connecting" before its report.
      const [report] = (JSON.parse(stdout.slice(stdout.indexOf('{'))) as FioReport).jobs;
      expect(report).toMatchObject({ error: 0 });
      expect(report?.write.io_bytes).toBeGreaterThan(32 * MIB);
      expect(report?.read.io_bytes).toBe(report?.write.io_bytes);

      await waitStored(server, machine, systemClock.nowUs());
      const view = server.exportUri(`${machine}/root@latest`);
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', disk('root'), view]);
    },
    180_000,
  );
});
