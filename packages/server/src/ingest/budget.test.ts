import { expect, it } from 'vitest';
import { type BudgetMember, IngestBudget } from './budget.js';

const member = (): BudgetMember & { paused: boolean } => ({
  paused: false,
  pause() {
    this.paused = true;
  },
  resume() {
    this.paused = false;
  },
});

it('beyond the limit one connection is read at a time, each in its turn', () => {
  const budget = new IngestBudget(100);
  const [a, b, c] = [member(), member(), member()];
  budget.take(a, 60);
  budget.take(b, 60);
  expect([a, b, c].map(({ paused }) => paused)).toEqual([false, false, false]);
  budget.take(c, 10);
  budget.take(a, 10);
  expect([a, b, c].map(({ paused }) => paused)).toEqual([true, false, true]);
  budget.turnDone(b);
  expect([a, b, c].map(({ paused }) => paused)).toEqual([true, false, false]);
  budget.take(b, 1);
  expect(b.paused).toBe(true);
  budget.turnDone(c);
  expect(a.paused).toBe(false);
  budget.give(50);
  expect([a, b, c].map(({ paused }) => paused)).toEqual([false, false, false]);
  expect(budget.bytes).toBe(91);
});

it('one that leaves hands its turn on', () => {
  const budget = new IngestBudget(10);
  const [a, b] = [member(), member()];
  budget.take(a, 20);
  budget.take(b, 5);
  expect(b.paused).toBe(true);
  budget.give(20);
  budget.take(a, 20);
  budget.take(b, 20);
  budget.leave(a);
  expect(b.paused).toBe(false);
  expect(budget.waiting).toBe(0);
});
