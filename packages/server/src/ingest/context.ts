import type { Clock } from '@retrace/core';
import type { Logger } from 'pino';
import type { JournalPort } from '../journal-port.js';
import type { ServerLimits } from '../limits.js';
import type { AgentBook } from '../observe/agent-book.js';
import type { AlarmBook } from '../observe/alarms.js';
import type { Metrics } from '../observe/metrics.js';
import type { IngestBudget } from './budget.js';

/** What the sessions of a server share. */
export interface IngestContext {
  readonly journal: JournalPort;
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly alarms: AlarmBook;
  readonly agents: AgentBook;
  readonly budget: IngestBudget;
}
