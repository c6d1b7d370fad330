/** Counters of a log, for metrics. */
export interface LogStats {
  commits: number;
  records: number;
  payloadBytes: number;
  entryBytes: number;
  failures: number;
  /** Appends that wait for a commit to begin. */
  waiting: number;
}

export const emptyStats = (): LogStats => ({
  commits: 0,
  records: 0,
  payloadBytes: 0,
  entryBytes: 0,
  failures: 0,
  waiting: 0,
});

/** One commit, measured. */
export interface CommitMeasure {
  readonly records: number;
  readonly bytes: number;
  /** From the commit's begin until its bytes were durable. */
  readonly durationUs: number;
}
