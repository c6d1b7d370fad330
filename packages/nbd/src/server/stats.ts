import { COMMAND_NAMES, Command, type NbdCommandName } from '../protocol/constants.js';

/** Counters of a server since it began, for metrics. All but the three `*Now` only grow. */
export interface NbdServerStats {
  readonly connectionsNow: number;
  readonly connectionsTotal: number;
  readonly connectionsRefusedTotal: number;
  readonly requestsInFlightNow: number;
  readonly bytesInFlightNow: number;
  /** Requests received, by command; unknown ones are counted in `errorsTotal` only. */
  readonly requestsTotal: Readonly<Record<NbdCommandName, number>>;
  /** Payload of reads answered. */
  readonly bytesReadTotal: number;
  /** Payload of writes answered. */
  readonly bytesWrittenTotal: number;
  /** Requests answered with an error. */
  readonly errorsTotal: number;
  /** Connections closed for a reason other than the client's wish. */
  readonly connectionsFailedTotal: number;
}

/** The counters while they count: plain fields, cheap to add to. */
export class StatsCounter {
  connectionsNow = 0;
  connectionsTotal = 0;
  connectionsRefusedTotal = 0;
  connectionsFailedTotal = 0;
  bytesReadTotal = 0;
  bytesWrittenTotal = 0;
  errorsTotal = 0;
  /** By command number. */
  readonly requests = new Float64Array(Command.BLOCK_STATUS + 1);

  /** The counters as they are now. */
  snapshot(requestsInFlightNow: number, bytesInFlightNow: number): NbdServerStats {
    const requestsTotal = Object.fromEntries(
      COMMAND_NAMES.map((name, command) => [name, this.requests[command] ?? 0]),
    ) as Record<NbdCommandName, number>;
    return {
      connectionsNow: this.connectionsNow,
      connectionsTotal: this.connectionsTotal,
      connectionsRefusedTotal: this.connectionsRefusedTotal,
      requestsInFlightNow,
      bytesInFlightNow,
      requestsTotal,
      bytesReadTotal: this.bytesReadTotal,
      bytesWrittenTotal: this.bytesWrittenTotal,
      errorsTotal: this.errorsTotal,
      connectionsFailedTotal: this.connectionsFailedTotal,
    };
  }
}
