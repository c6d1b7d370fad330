import { formatTime, systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { beforeAll, expect, it } from 'vitest';
import { complaints, expectedAt } from '../lib/filesystem/folder-model.js';
import { readFolder, Workload } from '../lib/filesystem/workload.js';
import {
  attachLoop,
  attachNbd,
  describeWith,
  e2fsck,
  mountNbd,
  type Protection,
  protect,
  type RunningServer,
  repetitions,
  resolveInstant,
  run,
  seededRandom,
  tempDir,
  waitFor,
  waitStored,
} from '../lib/index.js';

const DISK = { name: 'root', sizeBytes: 48 << 20 };
const VOLUME = 'web-01/root';
const STEP_US = 1000;

async function makeFilesystem(uri: string): Promise<void> {
  const { file, detach } = await attachNbd(uri, { connections: 1 });
  await run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file]);
  await detach();
}

/** Looks at an instant as a machine would that boots from it. */
async function openInstant(
  server: RunningServer,
  timeUs: number,
): Promise<{ isClean: boolean; output: string; files: ReadonlyMap<string, Buffer> }> {
  const name = `scratch:${VOLUME}@${formatTime(timeUs)}`;
  const nbd = await attachNbd(server.exportUri(name));
  const { isClean, output } = await e2fsck(nbd.file);
  const loop = await attachLoop(nbd.file);
  const mountPoint = tempDir();
  await run('mount', [loop.device, mountPoint]);
  try {
    return { isClean, output, files: readFolder(mountPoint) };
  } finally {
    await waitFor(() => run('umount', [mountPoint]), { what: `${mountPoint} unmounted` });
    await loop.detach();
    await nbd.detach();
  }
}

const NEEDS = ['root', 'fuse', 'loop', 'nbdfuse', 'mkfs.ext4', 'e2fsck'] as const;

describeWith(NEEDS, 'a real filesystem, at real instants', () => {
  let here: Protection;
  const random = seededRandom();

  beforeAll(async () => {
    here = await protect({ disks: [DISK] });
  }, 60_000);

  it('has a clock within 1 ms of this one', async () => {
    const client = await NbdClient.connect(here.agent.uri('root'));
    const bounds: { beforeUs: number; afterUs: number }[] = [];
    for (let i = 0; i < 100; i++) {
      const beforeUs = systemClock.nowUs();
      await client.write(i * 4096, Buffer.alloc(4096, i));
      bounds.push({ beforeUs, afterUs: systemClock.nowUs() });
    }
    await client.flush();
    await client.close();
    await waitStored(here.server, here.machine, systemClock.nowUs());
    let within = 0;
    for (const { beforeUs, afterUs } of bounds) {
      const { timeUs } = await resolveInstant(here.server, `${VOLUME}@${formatTime(afterUs)}`);
      expect(timeUs).toBeGreaterThanOrEqual(beforeUs);
      expect(timeUs).toBeLessThanOrEqual(afterUs);
      if (afterUs - beforeUs <= STEP_US) within++;
    }
    // The writes that took less than 1 ms bound the difference of both clocks to as much.
    expect(within).toBeGreaterThanOrEqual(10);
  });

  it('mounts at every instant, with all that was synced and nothing begun later', async () => {
    const { server, agent, machine } = here;
    await makeFilesystem(agent.uri('root'));
    const mounted = await mountNbd(agent.uri('root'), { connections: 1 });
    const firstSeq = (await resolveInstant(server, `${VOLUME}@latest`)).seq;
    const workload = new Workload(mounted.mountPoint, random);
    const steps = repetitions(70, 400);
    for (let i = 0; i < steps; i++) workload.step();
    await waitStored(server, machine, workload.steps.at(-1)!.doneUs);
    const lastSeq = (await resolveInstant(server, `${VOLUME}@latest`)).seq;

    const instants: number[] = [];
    for (let i = 0; i < repetitions(12, 100); i++) {
      const { begunUs, doneUs } = random.pick(workload.steps);
      instants.push(random.pick([begunUs, doneUs, random.integer(begunUs, doneUs)]));
    }
    // Steps of 1 ms around single writes.
    const writes = repetitions(8, 60);
    for (let i = 0; i < writes; i++) {
      const seq = random.integer(firstSeq + 1, lastSeq);
      const { timeUs } = await resolveInstant(server, `${VOLUME}@seq:${seq}`);
      const at = await resolveInstant(server, `${VOLUME}@${formatTime(timeUs)}`);
      const before = await resolveInstant(server, `${VOLUME}@${formatTime(timeUs - 1)}`);
      expect(at.seq).toBeGreaterThanOrEqual(seq);
      expect(before.seq).toBeLessThan(seq);
      instants.push(timeUs - STEP_US, timeUs, timeUs + STEP_US);
    }
    const lastUs = workload.steps.at(-1)!.doneUs;
    const firstUs = workload.steps[0]!.begunUs;
    const usable = instants.filter((timeUs) => timeUs >= firstUs && timeUs <= lastUs);
    expect(usable.length).toBeGreaterThanOrEqual(30);

    for (const timeUs of usable) {
      const { isClean, output, files } = await openInstant(server, timeUs);
      const wrong = complaints(files, expectedAt(workload.steps, timeUs));
      expect({ timeUs, isClean, wrong }, output).toEqual({ timeUs, isClean: true, wrong: [] });
    }
    await mounted.unmount();
  }, 300_000);
});
