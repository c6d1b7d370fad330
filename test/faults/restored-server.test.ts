import { cpSync, readFileSync, rmSync } from 'node:fs';
import { formatTime, systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { describe, expect, it } from 'vitest';
import { copyDir } from '../lib/copy-dir.js';
import {
  digestExport,
  firstDifference,
  gapReasons,
  protect,
  readExport,
  resolveInstant,
  restartServer,
  seededRandom,
  serverStatus,
  waitFor,
  waitStored,
} from '../lib/index.js';

const DISK = { name: 'root', sizeBytes: 1 << 20 };
const VOLUME = 'web-01/root';

describe('a server that was put back to an older copy of its data', () => {
  it('tells the agent that was acknowledged more, which copies everything again', async () => {
    const random = seededRandom();
    const here = await protect({ disks: [DISK] });
    const { agent, machine } = here;
    let { server } = here;
    const client = await NbdClient.connect(agent.uri('root'));
    const writeSome = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await client.write(i * 8192, random.bytes(8192));
      await client.flush();
      await waitStored(server, machine, systemClock.nowUs());
    };
    await writeSome();
    const { seq } = await resolveInstant(server, `${VOLUME}@latest`);
    const before = await digestExport(server.exportUri(`${VOLUME}@seq:${seq}`));
    await server.program.stop();
    const copy = copyDir(server.dataDir);
    server = await restartServer(server);
    await waitStored(server, machine, systemClock.nowUs());
    await writeSome();
    const lostUs = systemClock.nowUs();
    await waitStored(server, machine, lostUs);

    await server.program.kill();
    const seen = agent.program.events.length;
    rmSync(server.dataDir, { recursive: true });
    cpSync(copy, server.dataDir, { recursive: true });
    server = await restartServer(server);
    await agent.program.waitEvent(({ state }) => state === 'protected', {
      after: seen,
      what: 'the copy to be complete',
      timeoutMs: 30_000,
    });
    const states = agent.program.events.slice(seen);
    expect(states[0]).toMatchObject({ state: 'resync-needed' });
    expect(states[0]?.reason).toMatch(/the server has epoch 1, record \d+; acknowledged was/);
    expect(await gapReasons(server, VOLUME)).toEqual(['acknowledged-loss']);
    const { alarms } = await serverStatus(server);
    expect(JSON.stringify(alarms)).toContain('ACKNOWLEDGED_LOSS');

    await waitFor(() => client.read(0, 512), { what: 'the disk still served' });
    await client.close();
    await waitStored(server, machine, systemClock.nowUs());
    const image = await readExport(server.exportUri(`${VOLUME}@latest`));
    expect(firstDifference(image, readFileSync(here.disk('root')))).toBeUndefined();
    expect(await digestExport(server.exportUri(`${VOLUME}@seq:${seq}`))).toBe(before);
    const lost = resolveInstant(server, `${VOLUME}@${formatTime(lostUs)}`);
    await expect(lost).rejects.toMatchObject({ code: 'INSTANT_IN_GAP' });
  }, 90_000);
});
