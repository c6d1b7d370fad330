import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { describe, expect, it } from 'vitest';
import {
  digest,
  digestExport,
  firstDifference,
  gapReasons,
  type Protection,
  protect,
  type RunningAgent,
  readExport,
  resolveInstant,
  resolveRefusal,
  restartServer,
  startAgent,
  waitFor,
  waitStored,
} from '../lib/index.js';

const DISK = { name: 'root', sizeBytes: 1 << 20 };
const VOLUME = 'web-01/root';

/** Writes one block, flushed, and says when it was done. */
async function writeBlock(agent: RunningAgent, block: number, value: number): Promise<number> {
  const client = await NbdClient.connect(agent.uri('root'));
  await client.write(block * 4096, Buffer.alloc(4096, value));
  await client.flush();
  const doneUs = systemClock.nowUs();
  await client.close();
  return doneUs;
}

function statesOf(agent: RunningAgent): unknown[] {
  return agent.program.events.filter(({ event }) => event === 'state').map(({ state }) => state);
}

function iso(timeUs: number): string {
  return `${new Date(Math.floor(timeUs / 1000)).toISOString().slice(0, -1)}${String(
    timeUs % 1000,
  ).padStart(3, '0')}Z`;
}

async function expectLatestIsDisk({ server, disk }: Protection): Promise<void> {
  const image = await readExport(server.exportUri(`${VOLUME}@latest`));
  expect(firstDifference(image, readFileSync(disk('root')))).toBeUndefined();
}

/** The state before the agent ended, and a time and digest to find it by. */
async function writeAndRemember(here: Protection): Promise<{ timeUs: number; hash: string }> {
  const timeUs = await writeBlock(here.agent, 3, 7);
  await waitStored(here.server, here.machine, timeUs);
  return { timeUs, hash: await digestExport(here.server.exportUri(`${VOLUME}@${iso(timeUs)}`)) };
}

/** What follows each unclean start: a gap with its reason, a copy, and instants on both sides. */
async function expectGap(
  here: Protection,
  before: { timeUs: number; hash: string },
  reason: string,
  inGapUs: number,
): Promise<void> {
  expect(await gapReasons(here.server, VOLUME)).toEqual([reason]);
  const refusal = await resolveRefusal(here.server, `${VOLUME}@${iso(inGapUs)}`);
  expect(refusal).toMatchObject({ code: 'INSTANT_IN_GAP', exit: 3 });
  expect(refusal.details).toMatchObject({
    before: { seq: expect.any(Number) as number },
    after: { seq: expect.any(Number) as number },
  });
  expect(await digestExport(here.server.exportUri(`${VOLUME}@${iso(before.timeUs)}`))).toBe(
    before.hash,
  );
  await expectLatestIsDisk(here);
}

describe('an agent that comes back', () => {
  it('copies nothing after a clean stop, and the time in between reads as that state', async () => {
    const here = await protect({ disks: [DISK] });
    const before = await writeAndRemember(here);
    expect(await here.agent.program.stop()).toMatchObject({ status: 0 });
    const betweenUs = systemClock.nowUs();
    await waitFor(() => systemClock.nowUs() > betweenUs, { what: 'the next microsecond' });
    expect(await digestExport(here.server.exportUri(`${VOLUME}@${iso(betweenUs)}`))).toBe(
      before.hash,
    );
    const agent = await startAgent(here.agentOptions);
    await agent.waitState('root', 'protected');
    expect(statesOf(agent)).not.toContain('initial-sync');
    const afterUs = await writeBlock(agent, 5, 9);
    await waitStored(here.server, here.machine, afterUs);
    expect(await gapReasons(here.server, VOLUME)).toEqual([]);
    expect(await digestExport(here.server.exportUri(`${VOLUME}@${iso(betweenUs)}`))).toBe(
      before.hash,
    );
    await expectLatestIsDisk(here);
  });

  it('copies everything when the disk was changed meanwhile', async () => {
    const here = await protect({ disks: [DISK] });
    const before = await writeAndRemember(here);
    await here.agent.program.stop();
    const fd = openSync(here.disk('root'), 'r+');
    writeSync(fd, Buffer.alloc(4096, 0xee), 0, 4096, 40_960);
    closeSync(fd);
    const agent = await startAgent(here.agentOptions);
    await agent.waitState('root', 'protected');
    expect(await gapReasons(here.server, VOLUME)).toEqual(['changed-while-stopped']);
    expect(await digestExport(here.server.exportUri(`${VOLUME}@${iso(before.timeUs)}`))).toBe(
      before.hash,
    );
    await expectLatestIsDisk(here);
    expect(digest(readFileSync(here.disk('root')))).not.toBe(before.hash);
  });

  it('copies everything with --resync', async () => {
    const here = await protect({ disks: [DISK] });
    const before = await writeAndRemember(here);
    await here.agent.program.stop();
    const agent = await startAgent({ ...here.agentOptions, args: ['--resync'] });
    await agent.waitState('root', 'protected');
    expect(await gapReasons(here.server, VOLUME)).toEqual(['resync-requested']);
    expect(await digestExport(here.server.exportUri(`${VOLUME}@${iso(before.timeUs)}`))).toBe(
      before.hash,
    );
    await expectLatestIsDisk(here);
  });

  it('opens a gap and copies after a crash', async () => {
    const here = await protect({ disks: [DISK] });
    const before = await writeAndRemember(here);
    await here.agent.program.kill('SIGKILL');
    const inGapUs = systemClock.nowUs();
    const agent = await startAgent(here.agentOptions);
    await agent.waitState('root', 'protected');
    expect(statesOf(agent)).toContain('initial-sync');
    const afterUs = await writeBlock(agent, 6, 6);
    await waitStored(here.server, here.machine, afterUs);
    await expectGap(here, before, 'unclean-stop', inGapUs);
    const found = await resolveInstant(here.server, `${VOLUME}@~${iso(inGapUs)}`);
    expect(found).toMatchObject({ exact: false });
    expect(found.timeUs).toBeLessThanOrEqual(inGapUs);
  });

  it('serves the disk at once when the server is not there, and is protected later', async () => {
    const here = await protect({ disks: [DISK] });
    await here.agent.program.stop();
    await here.server.program.stop();
    const agent = await startAgent(here.agentOptions);
    const client = await NbdClient.connect(agent.uri('root'));
    await client.write(0, Buffer.alloc(4096, 0xaa));
    expect((await client.read(0, 4096)).equals(Buffer.alloc(4096, 0xaa))).toBe(true);
    const writtenUs = systemClock.nowUs();
    await client.close();
    await restartServer(here.server);
    await agent.waitState('root', 'protected');
    await waitStored(here.server, here.machine, writtenUs);
    await expectLatestIsDisk(here);
  });
});
