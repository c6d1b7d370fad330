import { expect, it } from 'vitest';
import { type BudgetMember, IngestBudget } from './budget.js';

interface TestMember extends BudgetMember {
  partialBytes: number;
  paused: boolean;
}

const member = (): TestMember => ({
  partialBytes: 0,
  paused: false,
  pause() {
    this.paused = true;
  },
  resume() {
    this.paused = false;
  },
});

const arrive = (budget: IngestBudget, who: TestMember, bytes: number): void => {
  who.partialBytes += bytes;
  budget.arrived(who, bytes);
};

const whole = (budget: IngestBudget, who: TestMember): void => {
  const bytes = who.partialBytes;
  who.partialBytes = 0;
  budget.whole(who, bytes, bytes);
};

it('reads nobody beyond the limit while something is being stored', () => {
  const budget = new IngestBudget(100);
  const [a, b] = [member(), member()];
  arrive(budget, a, 80);
  whole(budget, a);
  arrive(budget, b, 30);
  arrive(budget, a, 5);
  expect([a.paused, b.paused]).toEqual([true, true]);
  expect(budget.bytes).toBe(115);
  budget.stored(80);
  expect([a.paused, b.paused]).toEqual([false, false]);
  expect([budget.bytes, budget.waiting]).toEqual([35, 0]);
});

it('reads one at a time when halves of messages fill the limit, each in its turn', () => {
  const budget = new IngestBudget(100);
  const [a, b, c] = [member(), member(), member()];
  arrive(budget, a, 60);
  arrive(budget, b, 60);
  arrive(budget, c, 10);
  arrive(budget, a, 10);
  expect([a, b, c].map(({ paused }) => paused)).toEqual([true, false, true]);
  expect(budget.hurries(b)).toBe(true);
  whole(budget, b);
  // What b sent is on its way: that frees room by itself.
  expect([a, b, c].map(({ paused }) => paused)).toEqual([true, false, true]);
  arrive(budget, b, 1);
  expect(b.paused).toBe(true);
  budget.stored(60);
  expect([a, b, c].map(({ paused }) => paused)).toEqual([false, false, false]);
});

it('one that leaves hands its turn on; one with nothing begun waits for nothing', () => {
  const budget = new IngestBudget(10);
  const [a, b, c] = [member(), member(), member()];
  arrive(budget, a, 20);
  arrive(budget, b, 5);
  expect([a.paused, b.paused]).toEqual([false, true]);
  arrive(budget, c, 1);
  whole(budget, c);
  expect(c.paused).toBe(false);
  budget.stored(1);
  budget.leave(a, 20);
  expect(b.paused).toBe(false);
  expect([budget.bytes, budget.waiting]).toEqual([5, 0]);
});
