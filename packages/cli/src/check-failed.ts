import { RetraceError } from '@retrace/core';

/** A check ran to its end and found something wrong. */
export class CheckFailed extends RetraceError {
  /** All that the check found, for programs. */
  readonly report: object;

  constructor(message: string, report: object) {
    super('CHECK_FAILED', message);
    this.report = report;
  }
}
