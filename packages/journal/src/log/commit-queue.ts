import type { LogLimits } from './limits.js';
import type { CommitInfo, LogInput } from './log-record.js';

interface WaitingAppend {
  readonly inputs: readonly LogInput[];
  readonly bytes: number;
  readonly resolve: (commit: CommitInfo) => void;
  readonly reject: (error: Error) => void;
}

/** Appends that go into one commit. */
export interface CommitBatch {
  readonly inputs: readonly LogInput[];
  readonly appends: readonly WaitingAppend[];
}

const bytesOf = (inputs: readonly LogInput[]): number => {
  let bytes = 0;
  for (let i = 0; i < inputs.length; i++) bytes += inputs[i]!.payload.length;
  return bytes;
};

/** Appends that wait for the next commit, in the order they came. */
export class CommitQueue {
  readonly #limits: LogLimits;
  #waiting: WaitingAppend[] = [];
  #added = 0;

  constructor(limits: LogLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Appends that ever came, and of these the ones that have been taken. */
  get added(): number {
    return this.#added;
  }

  get taken(): number {
    return this.#added - this.#waiting.length;
  }

  add(inputs: readonly LogInput[]): Promise<CommitInfo> {
    this.#added++;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ inputs, bytes: bytesOf(inputs), resolve, reject });
    });
  }

  /** What goes into the next commit: all that waits, up to the limits, but at least one append. */
  take(): CommitBatch {
    const { commitBytesMax, commitRecordsMax } = this.#limits;
    let count = 0;
    let bytes = 0;
    let records = 0;
    for (const append of this.#waiting) {
      bytes += append.bytes;
      records += append.inputs.length;
      if (count > 0 && (bytes > commitBytesMax || records > commitRecordsMax)) break;
      count++;
    }
    const appends = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    if (appends.length === 1) return { inputs: appends[0]!.inputs, appends };
    const inputs: LogInput[] = [];
    for (const append of appends) {
      for (let i = 0; i < append.inputs.length; i++) inputs.push(append.inputs[i]!);
    }
    return { inputs, appends };
  }

  /** Empties the queue. */
  rejectAll(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }
}
