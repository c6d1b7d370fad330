import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { copyDir } from '../lib/copy-dir.js';
import {
  digest,
  type RunningServer,
  readExport,
  retrace,
  seededRandom,
  serverStatus,
  startServer,
} from '../lib/index.js';
import { filesByKind, makeStoredHistory, type StoredHistory } from '../lib/stored-history.js';
import { WireAgent } from '../lib/wire/wire-agent.js';
import { newIdentity, WireRecords } from '../lib/wire/wire-records.js';

/** A bit in the middle of the data of the first segment. */
function flipInFirstPayload(history: StoredHistory, dataDir: string): string {
  const payloads = [...filesByKind(dataDir)].find(([kind]) => kind.endsWith('payload'))?.[1] ?? [];
  const [name = ''] = [...payloads].sort();
  const bytes = readFileSync(join(dataDir, name));
  const at = Math.floor(bytes.length / 2);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(join(dataDir, name), bytes);
  expect(history.states.length).toBeGreaterThan(0);
  return name;
}

async function readStates(
  server: RunningServer,
  history: StoredHistory,
): Promise<{ good: number; refused: number }> {
  let [good, refused] = [0, 0];
  for (const { seq, hash } of history.states) {
    try {
      const image = await readExport(server.exportUri(`${history.volume}@seq:${seq}`));
      expect(digest(image)).toBe(hash);
      good++;
    } catch (error) {
      expect(String(error)).toMatch(
        /bytes at \d+.* are damaged in the payload file of segment \d+/,
      );
      expect(error).toMatchObject({ code: 'CORRUPTION' });
      refused++;
    }
  }
  return { good, refused };
}

interface Report {
  readonly ok: boolean;
  readonly problems: readonly { readonly code: string; readonly place: string }[];
}

describe('a server with a damaged file', () => {
  let history: StoredHistory;

  beforeAll(async () => {
    history = await makeStoredHistory(seededRandom());
  }, 60_000);

  it('refuses what needs it by name, says so, and goes on with the rest', async () => {
    const dataDir = copyDir(history.dataDir);
    const name = flipInFirstPayload(history, dataDir);
    const server = await startServer({ dataDir });
    const { good, refused } = await readStates(server, history);
    expect(good).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);

    const { exit, json } = await retrace(['verify', '--json'], { server: server.http });
    expect(exit).toBe(1);
    const { ok, problems } = json as Report;
    expect(ok).toBe(false);
    expect(problems.map(({ place }) => place).join('\n')).toContain(name);
    const { problems: shown } = (await serverStatus(server)).server;
    expect(shown.map(({ code }) => code)).toContain('CORRUPTION');
    expect((await fetch(new URL('/readyz', server.http))).status).toBe(503);
    expect((await fetch(new URL('/healthz', server.http))).status).toBe(200);

    const identity = newIdentity('web-02', 1 << 20);
    const { agent } = await WireAgent.connect(server, identity);
    const records = new WireRecords();
    records.begin(identity);
    records.write(0, Buffer.alloc(4096, 5));
    agent.send(records.all);
    await agent.waitAcknowledged(records.all.length);
    const other = await readExport(server.exportUri(`web-02/root@seq:${records.all.length}`));
    expect(other.subarray(0, 4096).equals(Buffer.alloc(4096, 5))).toBe(true);
  }, 60_000);

  it('has it named by verify without a server too', async () => {
    const dataDir = copyDir(history.dataDir);
    const name = flipInFirstPayload(history, dataDir);
    const { exit, json } = await retrace(['verify', '--data', dataDir, '--json']);
    expect(exit).toBe(1);
    const { ok, problems } = json as Report;
    expect(ok).toBe(false);
    expect(problems.map(({ place }) => place).join('\n')).toContain(name);
  });
});
