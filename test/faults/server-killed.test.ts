import { setTimeout as sleep } from 'node:timers/promises';
import { formatTime, systemClock } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { copyDir } from '../lib/copy-dir.js';
import {
  digestExport,
  gapReasons,
  type Protection,
  protect,
  type RunningServer,
  repetitions,
  resolveInstant,
  restartServer,
  seededRandom,
  waitFor,
  waitStored,
} from '../lib/index.js';
import { areStored, waitDurable } from '../lib/load/durable.js';
import { FlushedWriter, type Piece, whyNotLeft } from '../lib/load/flushed-writer.js';
import { openStopped } from '../lib/open-stopped.js';

const DISK = { name: 'root', sizeBytes: 1 << 20 };
const VOLUME = 'web-01/root';
const ROUNDS = repetitions(13, 300);
const DELAY_MS_MAX = 400;

/** What a dead server's folder holds, before anybody sends it anything. */
async function checkFolder(
  dataDir: string,
  image: Buffer,
  pieces: readonly Piece[],
): Promise<void> {
  const stopped = await openStopped(copyDir(dataDir));
  try {
    const group = stopped.journal.groupByName('web-01');
    const found = await stopped.readByIndex(VOLUME, group.latest?.seq ?? 0);
    expect(whyNotLeft(found, image, pieces)).toBeUndefined();
  } finally {
    await stopped.close();
  }
}

async function expectUndisturbed({ agent }: Protection, server: RunningServer): Promise<void> {
  const states = agent.program.events.filter(({ event }) => event === 'state');
  const first = states.findIndex(({ state }) => state === 'protected');
  // What changes its reason (durability) is an event too.
  expect(states.slice(first).filter(({ state }) => state !== 'protected')).toEqual([]);
  expect(await gapReasons(server, VOLUME)).toEqual([]);
}

describe('a server that is killed at random', () => {
  it('loses nothing acknowledged, and goes on without a copy', async () => {
    const random = seededRandom();
    const here = await protect({ disks: [DISK], server: { sealsEagerly: true } });
    let { server } = here;
    let checked = 0;
    const writer = await FlushedWriter.start(
      here.agent.uri('root'),
      Buffer.alloc(DISK.sizeBytes),
      random,
    );
    const view = (instant: string): string => server.exportUri(`${VOLUME}@${instant}`);
    for (let round = 1; round <= ROUNDS; round++) {
      await waitDurable(server);
      const durableFrom = writer.points.length;
      await waitFor(() => writer.points.length > durableFrom, { what: 'a flush' });
      await sleep(random.integer(0, DELAY_MS_MAX));

      const image = writer.markPieces();
      const answered = writer.points.length - 1;
      await server.program.kill('SIGKILL');
      if (areStored(writer.points.slice(durableFrom, answered + 1))) {
        checked++;
        await checkFolder(server.dataDir, image, writer.pieces());
      }
      writer.unmarkPieces();

      server = await restartServer(server);
      await waitStored(server, here.machine, systemClock.nowUs());
      const earlier = [answered, ...[1, 2, 3].map(() => random.integer(0, answered))];
      for (const index of earlier) {
        const { doneUs, hash } = writer.points[index]!;
        const found = await digestExport(view(formatTime(doneUs)));
        expect({ round, index, found }).toEqual({ round, index, found: hash });
      }
      await expectUndisturbed(here, server);
    }
    await writer.stop();
    expect(checked).toBeGreaterThan(ROUNDS / 2);
    // Also what was flushed while no server was there has come to it, with its times.
    await waitStored(server, here.machine, systemClock.nowUs());
    for (let i = 0; i < 60; i++) {
      const { doneUs, hash } = random.pick(writer.points);
      expect(await digestExport(view(formatTime(doneUs)))).toBe(hash);
    }
    const { seq } = await resolveInstant(server, `${VOLUME}@latest`);
    expect(await digestExport(view(`seq:${seq}`))).toBe(writer.points.at(-1)?.hash);
  }, 240_000);
});
