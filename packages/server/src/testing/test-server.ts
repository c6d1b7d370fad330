import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@retrace/core';
import { type Logger, pino } from 'pino';
import type { ServerLimits } from '../limits.js';
import { buildServer, type RetraceServer } from '../server.js';
import { FakeJournal } from './fake-journal.js';

export interface TestServer {
  readonly server: RetraceServer;
  readonly journal: FakeJournal;
  readonly httpUrl: string;
  readonly scratchDir: string;
  /** What was logged, newest last. */
  readonly logs: Record<string, unknown>[];
}

/** A logger whose lines a test can look at. */
export const memoryLogger = (lines: Record<string, unknown>[]): Logger =>
  pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );

/** Undoes something when the running test ends: `onTestFinished` of vitest. */
export type AtEnd = (undo: () => Promise<void>) => void;

/** A server over a journal in memory, on a free port of loopback; closed when the test ends. */
export const startTestServer = async (
  atEnd: AtEnd,
  limits: Partial<ServerLimits> = {},
): Promise<TestServer> => {
  const scratchDir = await mkdtemp(join(tmpdir(), 'retrace-server-'));
  const journal = new FakeJournal();
  const logs: Record<string, unknown>[] = [];
  const server = buildServer({
    ...{ journal, clock: systemClock, logger: memoryLogger(logs), dataDir: scratchDir, scratchDir },
    version: '0.0.0-test',
    verify: async ({ onProgress }) => {
      onProgress({ done: 1, total: 1, what: 'records' });
      return { ok: true, problems: [], checked: { records: 1 } };
    },
    limits: { tickMs: 20, ...limits },
  });
  await server.prepare();
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.app.server.address() as AddressInfo;
  atEnd(async () => {
    journal.release();
    await server.close();
    await rm(scratchDir, { recursive: true, force: true });
  });
  return { server, journal, httpUrl: `http://127.0.0.1:${port}`, scratchDir, logs };
};
