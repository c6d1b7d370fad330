import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { digest } from './export-bytes.js';
import { resolveInstant, waitStored } from './history.js';
import { protect, restartServer } from './protection.js';
import type { SeededRandom } from './seeded-random.js';
import type { ServerOptions } from './server.js';

/** A state of the volume that its history must show for ever. */
export interface KnownState {
  readonly seq: number;
  readonly hash: string;
}

/** The data directory of a server that has stopped, and what is in it. */
export interface StoredHistory {
  readonly dataDir: string;
  readonly volume: string;
  readonly states: readonly KnownState[];
  readonly lastSeq: number;
}

const SIZE_BYTES = 1 << 19;
const BLOCK_BYTES = 4096;
const LIVES = 3;
const WRITES_PER_LIFE = 25;

/**
 * Several lives of a server, the first ones ended by a kill, the last one in order: so there are
 * several segments, and a clean end.
 */
export async function makeStoredHistory(
  random: SeededRandom,
  server: ServerOptions = {},
): Promise<StoredHistory> {
  const { agent, machine, ...here } = await protect({
    disks: [{ name: 'root', sizeBytes: SIZE_BYTES }],
    server,
  });
  let running = here.server;
  const volume = `${machine}/root`;
  const image = Buffer.alloc(SIZE_BYTES);
  const states: KnownState[] = [];
  const client = await NbdClient.connect(agent.uri('root'));
  for (let life = 1; life <= LIVES; life++) {
    for (let i = 0; i < WRITES_PER_LIFE; i++) {
      const length = random.integer(1, 6) * BLOCK_BYTES;
      const offset = random.integer(0, (SIZE_BYTES - length) / BLOCK_BYTES) * BLOCK_BYTES;
      const bytes = random.bytes(length);
      await client.write(offset, bytes);
      await client.flush();
      bytes.copy(image, offset);
      const { seq } = await resolveInstant(running, `${volume}@latest`);
      states.push({ seq, hash: digest(image) });
    }
    if (life === LIVES) break;
    await running.program.kill();
    running = await restartServer(running);
    await waitStored(running, machine, systemClock.nowUs());
  }
  await client.close();
  await agent.program.stop();
  const { seq: lastSeq } = await resolveInstant(running, `${volume}@latest`);
  states.push({ seq: lastSeq, hash: digest(image) });
  await running.program.stop();
  return { dataDir: running.dataDir, volume, states, lastSeq };
}

/** The files of a folder by what they are: their paths without the numbers in them. */
export function filesByKind(folder: string): ReadonlyMap<string, readonly string[]> {
  const kinds = new Map<string, string[]>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || statSync(path).size === 0) continue;
    const name = relative(folder, path);
    const kind = name.replaceAll(/\d+/g, 'N');
    kinds.set(kind, [...(kinds.get(kind) ?? []), name]);
  }
  return kinds;
}
