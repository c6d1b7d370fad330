import { systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { describe, expect, it } from 'vitest';
import { groupStatus, protect, repetitions, resolveInstant, waitStored } from '../lib/index.js';

const BLOCK = 4096;
const SIZE_BYTES = 1 << 20;

function counterBlock(counter: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.writeUInt32LE(counter, 0);
  return block;
}

async function counterAt(uri: string): Promise<number> {
  const client = await NbdClient.connect(uri);
  try {
    return (await client.read(0, BLOCK)).readUInt32LE(0);
  } finally {
    await client.close();
  }
}

describe('two disks of a group', () => {
  it.each([
    ['each write flushed before the next', true],
    ['each write only answered before the next', false],
  ])(
    'keep one order, %s',
    async (_how, isFlushed) => {
      const disks = ['first', 'second'] as const;
      const { server, agent, machine } = await protect({
        disks: [
          { name: 'first', sizeBytes: SIZE_BYTES },
          { name: 'second', sizeBytes: SIZE_BYTES },
        ],
      });
      const clients = await Promise.all(disks.map((name) => NbdClient.connect(agent.uri(name))));
      const { seq: before } = await resolveInstant(server, `${machine}@latest`);
      const rounds = repetitions(120, 2000);
      for (let counter = 1; counter <= rounds; counter++) {
        for (const client of clients) {
          await client.write(0, counterBlock(counter));
          if (isFlushed) await client.flush();
        }
      }
      await Promise.all(clients.map((client) => client.close()));
      await waitStored(server, machine, systemClock.nowUs());
      const last = (await groupStatus(server, machine)).latest?.seq ?? 0;
      expect(last - before).toBeGreaterThanOrEqual(rounds * 2 * (isFlushed ? 2 : 1));
      let seen = 0;
      for (let seq = before; seq <= last; seq++) {
        const uris = disks.map((name) => server.exportUri(`${machine}/${name}@seq:${seq}`));
        const [first = 0, second = 0] = await Promise.all(uris.map(counterAt));
        expect({ seq, ahead: first - second }).toEqual({
          seq,
          ahead: first === second ? 0 : 1,
        });
        expect(first).toBeGreaterThanOrEqual(seen);
        seen = first;
      }
      expect(seen).toBe(rounds);
      expect((await resolveInstant(server, `${machine}@seq:${last}`)).volumes).toHaveLength(2);
    },
    120_000,
  );
});
