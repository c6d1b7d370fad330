import type { NbdExportProvider } from '../export/export.js';
import type { NbdLimits } from '../limits.js';
import type { Budget } from './budget.js';
import type { NbdEventListener } from './events.js';
import type { StatsCounter } from './stats.js';
import type { TurnQueue } from './turn-queue.js';

/** What the connections of a server share. */
export interface ServerContext {
  readonly provider: NbdExportProvider;
  readonly limits: NbdLimits;
  readonly budget: Budget;
  readonly stats: StatsCounter;
  readonly emit: NbdEventListener;
  /** For handshakes: requests of those who are through them come first. */
  readonly turns: TurnQueue;
}
