import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatTime, systemClock } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import {
  digest,
  digestExport,
  firstDifference,
  gapReasons,
  protect,
  readExport,
  repetitions,
  resolveInstant,
  resolveRefusal,
  seededRandom,
  startAgent,
  startTcpProxy,
  type TcpProxy,
  waitFor,
  waitStored,
} from '../lib/index.js';
import { areStored, waitDurable } from '../lib/load/durable.js';
import { FlushedWriter, whyNotLeft } from '../lib/load/flushed-writer.js';

const DISK = { name: 'root', sizeBytes: 1 << 20 };
const VOLUME = 'web-01/root';
const ROUNDS = repetitions(13, 300);
const DELAY_MS_MAX = 300;
const SLOW_BYTES_PER_SECOND = 2_000_000;

describe('an agent that is killed at random', () => {
  it('loses nothing acknowledged, copies by itself, and changes no view', async () => {
    const random = seededRandom();
    let proxy: TcpProxy | undefined;
    const here = await protect({
      disks: [DISK],
      serverUrl: async ({ http }) => {
        const { hostname, port } = new URL(http);
        proxy = await startTcpProxy({ host: hostname, port: Number(port) });
        return `http://${proxy.address}`;
      },
    });
    const { server, machine } = here;
    let { agent } = here;
    const view = (instant: string): string => server.exportUri(`${VOLUME}@${instant}`);
    let checked = 0;
    const remembered: { seq: number; hash: string }[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      // On a slow line what was not acknowledged is still in the agent when it dies.
      proxy?.slow(random.pick([Number.POSITIVE_INFINITY, SLOW_BYTES_PER_SECOND]));
      const isProtected = random.chance(0.7) || round === 1;
      if (isProtected) {
        await agent.waitState('root', 'protected');
        await waitDurable(server);
      }
      const disk = readFileSync(here.disk('root'));
      const writer = await FlushedWriter.start(agent.uri('root'), disk, random);
      await waitFor(() => writer.points.length > 0, { what: 'a flush' });
      await sleep(random.integer(0, DELAY_MS_MAX));
      if (isProtected) {
        const { doneUs, hash } = writer.points.at(-1)!;
        await waitStored(server, machine, doneUs);
        const { seq } = await resolveInstant(server, `${VOLUME}@${formatTime(doneUs)}`);
        remembered.push({ seq, hash });
      }

      await agent.program.kill('SIGKILL');
      await writer.died();
      const killedUs = systemClock.nowUs();
      const left = readFileSync(here.disk('root'));
      expect(whyNotLeft(left, writer.image(), writer.pieces())).toBeUndefined();
      if (isProtected && areStored(writer.points)) {
        checked++;
        const stored = await readExport(view('latest'));
        expect(whyNotLeft(stored, writer.image(), writer.pieces())).toBeUndefined();
      }

      agent = await startAgent(here.agentOptions);
      const aliveUs = systemClock.nowUs();
      for (const { seq, hash } of [remembered.at(-1)!, random.pick(remembered)]) {
        const found = await digestExport(view(`seq:${seq}`));
        expect({ round, seq, found }).toEqual({ round, seq, found: hash });
      }
      if (!random.chance(0.5)) continue;
      await agent.waitState('root', 'protected');
      await waitStored(server, machine, systemClock.nowUs());
      const copied = await readExport(view('latest'));
      expect(firstDifference(copied, readFileSync(here.disk('root')))).toBeUndefined();
      expect(digest(copied)).toBe(digest(left));
      for (const timeUs of [killedUs, aliveUs]) {
        const refusal = await resolveRefusal(server, `${VOLUME}@${formatTime(timeUs)}`);
        expect(refusal).toMatchObject({ code: 'INSTANT_IN_GAP', exit: 3 });
      }
    }
    expect(checked).toBeGreaterThan(ROUNDS / 3);
    await agent.waitState('root', 'protected');
    expect(new Set(await gapReasons(server, VOLUME))).toEqual(new Set(['unclean-stop']));
  }, 240_000);
});
