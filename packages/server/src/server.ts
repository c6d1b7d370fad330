import type { Clock } from '@retrace/core';
import { TurnQueue } from '@retrace/nbd';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { TokenStore } from './auth/token-store.js';
import { buildApp } from './http/app.js';
import type { HttpContext } from './http/context.js';
import { RequestDrain } from './http/request-drain.js';
import { acceptInTurns } from './http/take-turns.js';
import { IngestBudget } from './ingest/budget.js';
import { SessionHub } from './ingest/session-hub.js';
import { acceptAgents } from './ingest/upgrade.js';
import type { JournalPort, JournalProblem, Verify } from './journal-port.js';
import { resolveLimits, type ServerLimits } from './limits.js';
import { InstantExports } from './nbd/export-provider.js';
import { ScratchSpace } from './nbd/scratch/scratch-space.js';
import { AgentBook } from './observe/agent-book.js';
import { AlarmBook } from './observe/alarms.js';
import { Metrics } from './observe/metrics.js';
import { mirrorJournal, mirrorScratch } from './observe/mirrors.js';

/** What a server is built over. */
export interface ServerOptions {
  readonly journal: JournalPort;
  readonly verify: Verify;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shown in the status. */
  readonly dataDir: string;
  /** A folder for the files of scratch exports; whatever lies in it is removed at start. */
  readonly scratchDir: string;
  /** Shown in the status. */
  readonly version: string;
  readonly limits?: Partial<ServerLimits>;
}

/** A server that does not listen yet. */
export interface RetraceServer {
  /** HTTP API; agents attach to its `server`. Listen on it, or use `inject`. */
  readonly app: FastifyInstance;
  readonly exports: InstantExports;
  readonly tokens: TokenStore;
  readonly metrics: Metrics;
  readonly limits: ServerLimits;
  /** For all ports: whoever comes is let in one a turn of the event loop. */
  readonly turns: TurnQueue;
  /** Says where NBD is served, for the status. */
  announceNbd(uris: readonly string[]): void;
  /** Makes ready what must be before the first request. */
  prepare(): Promise<void>;
  /**
   * Ends all sessions once what they have sent is stored, lets requests under way finish, then
   * closes every connection. The journal stays open.
   */
  close(): Promise<void>;
}

/** Builds a server: no listening, no timers but its own, nothing global. */
export const buildServer = (options: ServerOptions): RetraceServer => {
  const { journal, clock, logger } = options;
  const limits = resolveLimits(options.limits);
  const metrics = new Metrics();
  const agents = new AgentBook();
  const alarms = new AlarmBook(limits);
  const budget = new IngestBudget(limits.ingestBytesMax);
  const tokens = new TokenStore({ catalog: journal.metadata, clock, ...tokenLimits(limits) });
  const hub = new SessionHub({
    ...{ journal, limits, clock, logger, metrics, alarms, agents, budget },
  });
  tokens.listener = hub;
  const space = new ScratchSpace(options.scratchDir, limits);
  mirrorScratch(metrics, space);
  mirrorJournal(metrics, journal);
  const exports = new InstantExports({ journal, space, limits, metrics, logger });
  const startedUs = clock.nowUs();
  let nbdUris: readonly string[] = [];
  let closing = false;
  const context: HttpContext = {
    ...{ journal, tokens, hub, agents, alarms, metrics, budget, limits, clock, logger },
    verify: options.verify,
    facts: () => ({ version: options.version, dataDir: options.dataDir, startedUs, nbdUris }),
    problems: () => [...journal.problems(), ...tokenProblems(tokens)],
    isClosing: () => closing,
  };
  const app = buildApp(context);
  const turns = new TurnQueue();
  acceptInTurns(app.server, turns);
  const drain = new RequestDrain(app);
  acceptAgents({ server: app.server, hub, tokens, metrics, logger });
  const housekeeping = setInterval(() => flushTokens(tokens, logger), limits.tokenUseWriteMs);
  housekeeping.unref();
  return {
    ...{ app, exports, tokens, metrics, limits, turns },
    announceNbd: (uris) => {
      nbdUris = uris;
    },
    prepare: () => space.clear(),
    close: async () => {
      closing = true;
      clearInterval(housekeeping);
      await hub.close();
      await drain.drained(limits.drainTimeoutMs);
      await app.close();
      await tokens.flush();
    },
  };
};

const tokenLimits = ({ tokenUseWriteMs, tokensMax }: ServerLimits) => ({
  useWriteMs: tokenUseWriteMs,
  tokensMax,
});

const tokenProblems = (tokens: TokenStore): readonly JournalProblem[] =>
  tokens.unreadable.map((id) => ({
    code: 'CORRUPTION',
    message: `token ${id} cannot be read and is refused: make a new one`,
    place: `catalog, token ${id}`,
  }));

const flushTokens = (tokens: TokenStore, logger: Logger): void => {
  tokens.flush().catch((error: unknown) => {
    logger.warn({ err: error }, 'last uses of tokens could not be written down');
  });
};
