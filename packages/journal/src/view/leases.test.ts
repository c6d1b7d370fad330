import { expect, it } from 'vitest';
import { Leases } from './leases.js';

const state = async (promise: Promise<void>): Promise<string> => {
  let found = 'waits';
  void promise.then(() => {
    found = 'done';
  });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return found;
};

it('is drained at once when nobody holds one', async () => {
  expect(await state(new Leases().drained())).toBe('done');
});

it('waits for all that were taken before, and for none taken later', async () => {
  const leases = new Leases();
  const first = leases.take();
  const second = leases.take();
  const drained = leases.drained();
  const later = leases.take();
  const next = leases.drained();
  first();
  first();
  expect(await state(drained)).toBe('waits');
  second();
  expect(await state(drained)).toBe('done');
  expect(await state(next)).toBe('waits');
  later();
  expect(await state(next)).toBe('done');
});

it('keeps the order: a later generation is drained only with the earlier ones', async () => {
  const leases = new Leases();
  const release = leases.take();
  void leases.drained();
  expect(await state(leases.drained())).toBe('waits');
  release();
  expect(await state(leases.drained())).toBe('done');
});
