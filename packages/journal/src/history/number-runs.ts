import { PagedFloat64 } from '../index/paged-array.js';

/**
 * Numbers that go up in step with seq for long stretches, kept as runs: the lsn of a seq, say,
 * which are consecutive within each commit of a group.
 */
export class NumberRuns {
  readonly #seqs = new PagedFloat64();
  readonly #values = new PagedFloat64();

  /** Notes the value of the next seq; seqs come in ascending order. */
  add(seq: number, value: number): void {
    const last = this.#seqs.length - 1;
    const continues = last >= 0 && this.#values.get(last) + (seq - this.#seqs.get(last)) === value;
    if (continues) return;
    this.#seqs.push(seq);
    this.#values.push(value);
  }

  /** The value of a seq that was added. */
  get(seq: number): number {
    const run = this.#seqs.lastAtMost(seq);
    return this.#values.get(run) + (seq - this.#seqs.get(run));
  }
}

/** Values that stay the same for long stretches of seqs and never decrease: arrival times. */
export class StepRuns {
  readonly #seqs = new PagedFloat64();
  readonly #values = new PagedFloat64();

  add(seq: number, value: number): void {
    const last = this.#values.length - 1;
    if (last >= 0 && this.#values.get(last) === value) return;
    this.#seqs.push(seq);
    this.#values.push(value);
  }

  /** The first seq that was added; Infinity when there is none. */
  get firstSeq(): number {
    return this.#seqs.length === 0 ? Number.POSITIVE_INFINITY : this.#seqs.get(0);
  }

  /** The value at `seq`, undefined before the first. */
  get(seq: number): number | undefined {
    const run = this.#seqs.lastAtMost(seq);
    return run < 0 ? undefined : this.#values.get(run);
  }

  /** The first seq of the first run whose value is over `value`, undefined when there is none. */
  firstSeqAbove(value: number): number | undefined {
    const run = this.#values.lastAtMost(value) + 1;
    return run < this.#seqs.length ? this.#seqs.get(run) : undefined;
  }
}
