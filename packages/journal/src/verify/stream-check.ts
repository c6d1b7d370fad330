import type { LogRecord } from '../log/log-record.js';

interface StreamEnd {
  readonly epoch: number;
  readonly n: number;
  readonly timeUs: number;
}

/** Checks that each group's (epoch, n) is dense and its time does not decrease, over the log. */
export class StreamCheck {
  readonly #ends = new Map<number, StreamEnd>();

  /** @returns what is wrong with the next record of its group, undefined when nothing is */
  take({ groupId, epoch, n, timeUs }: LogRecord): string | undefined {
    const last = this.#ends.get(groupId);
    this.#ends.set(groupId, { epoch, n, timeUs });
    if (last === undefined) return undefined;
    const dense = epoch === last.epoch ? n === last.n + 1 : epoch > last.epoch && n === 1;
    const now = `(epoch ${epoch}, n ${n})`;
    if (!dense) return `group ${groupId}: ${now} follows (epoch ${last.epoch}, n ${last.n})`;
    if (timeUs >= last.timeUs) return undefined;
    return `group ${groupId}: ${now} is of an earlier time than the record before it`;
  }

  /** Records are missing: what comes next need not follow what came before. */
  forget(): void {
    this.#ends.clear();
  }
}
