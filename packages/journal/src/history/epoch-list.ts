import { assert } from '@retrace/core';

/** One epoch of a group: a run of records with consecutive n and consecutive seq. */
export interface EpochRun {
  readonly epoch: number;
  /** Seq of its first record, and that record's n (1 but after damage). */
  readonly firstSeq: number;
  readonly firstN: number;
  readonly startTimeUs: number;
  lastSeq: number;
  /** Time of its last record. */
  lastTimeUs: number;
  /** Everything the agent did up to this time is stored: the newest watermark, or record time. */
  completeToUs: number;
  /** Its last record is a clean-stop mark. */
  cleanStop: boolean;
  /** It has a record of the guest's or of a copy: only marks and definitions stand before that. */
  served: boolean;
}

/** The epochs of a group in order, and the way from (epoch, n) to seq and back. */
export class EpochList {
  readonly #runs: EpochRun[] = [];

  get all(): readonly EpochRun[] {
    return this.#runs;
  }

  get last(): EpochRun | undefined {
    return this.#runs.at(-1);
  }

  begin(run: EpochRun): void {
    const last = this.last;
    assert(last === undefined || run.firstSeq > last.lastSeq, 'epochs do not overlap');
    this.#runs.push(run);
  }

  /** Seq of a stored record, undefined when (epoch, n) is not stored. */
  seqOf(epoch: number, n: number): number | undefined {
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i]!;
      if (run.epoch !== epoch || n < run.firstN) continue;
      const seq = run.firstSeq + n - run.firstN;
      return seq <= run.lastSeq ? seq : undefined;
    }
    return undefined;
  }
}
