import { describe, expect, it } from 'vitest';
import { Budget } from './budget.js';

class Waiter {
  calls = 0;
  got = false;
  readonly #budget: Budget;
  readonly #bytes: number;

  constructor(budget: Budget, bytes: number) {
    this.#budget = budget;
    this.#bytes = bytes;
    this.budgetFreed();
  }

  budgetFreed(): void {
    this.calls += 1;
    this.got = this.#budget.tryTake(this.#bytes, this);
  }
}

const turn = (): Promise<void> => new Promise(setImmediate);

describe('the budget', () => {
  it('lets nobody pass a large request that waits', async () => {
    const budget = new Budget(10, 100);
    budget.take(60);
    budget.take(40);
    const large = new Waiter(budget, 90);
    const small = new Waiter(budget, 10);
    budget.give(1, 60);
    await turn();
    expect([large.got, small.got]).toEqual([false, false]);
    budget.give(1, 40);
    await turn();
    expect([large.got, small.got]).toEqual([true, true]);
  });

  it('goes on without a waiter that is gone', async () => {
    const budget = new Budget(10, 100);
    budget.take(100);
    const first = new Waiter(budget, 90);
    const second = new Waiter(budget, 90);
    budget.forget(first);
    budget.give(1, 100);
    await turn();
    expect([first.got, second.got]).toEqual([false, true]);
  });

  it('lets in what is larger than everything when nothing else is there', async () => {
    const budget = new Budget(1, 100);
    expect(new Waiter(budget, 1000).got).toBe(true);
    const next = new Waiter(budget, 1);
    expect(next.got).toBe(false);
    budget.give(1, 1000);
    await turn();
    expect(next.got).toBe(true);
    expect([budget.requests, budget.bytes]).toEqual([1, 1]);
  });
});
