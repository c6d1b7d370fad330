import type { Clock } from '@retrace/core';
import type { Logger } from 'pino';
import type { TokenStore } from '../auth/token-store.js';
import type { IngestBudget } from '../ingest/budget.js';
import type { SessionHub } from '../ingest/session-hub.js';
import type { JournalPort, JournalProblem, Verify } from '../journal-port.js';
import type { ServerLimits } from '../limits.js';
import type { AgentBook } from '../observe/agent-book.js';
import type { AlarmBook } from '../observe/alarms.js';
import type { Metrics } from '../observe/metrics.js';

/** Facts about the running server that answers name. */
export interface ServerFacts {
  readonly version: string;
  readonly dataDir: string;
  readonly startedUs: number;
  /** Where the NBD servers listen. */
  readonly nbdUris: readonly string[];
}

/** What the routes work on. */
export interface HttpContext {
  readonly journal: JournalPort;
  readonly verify: Verify;
  readonly tokens: TokenStore;
  readonly hub: SessionHub;
  readonly agents: AgentBook;
  readonly alarms: AlarmBook;
  readonly metrics: Metrics;
  readonly budget: IngestBudget;
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As they are now. */
  facts(): ServerFacts;
  /** Damage known, from the journal and from reads. */
  problems(): readonly JournalProblem[];
  /** True from the moment the server is told to stop. */
  isClosing(): boolean;
}
