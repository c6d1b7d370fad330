import { describe, expect, it } from 'vitest';
import { TurnQueue } from './turn-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('TurnQueue', () => {
  it('runs one task a turn, in order, and lets others in between', async () => {
    const queue = new TurnQueue();
    const done: string[] = [];
    for (let i = 0; i < 5; i++) queue.run(() => done.push(`task ${i}`));
    expect(done).toEqual([]);
    for (let i = 0; i < 5; i++) {
      expect(queue.length).toBe(5 - i);
      await turn();
      done.push('other');
    }
    expect(done).toEqual(Array.from({ length: 5 }, (_, i) => [`task ${i}`, 'other']).flat());
    expect(queue.length).toBe(0);
  });

  it('takes tasks that come while one runs, and after it was empty', async () => {
    const queue = new TurnQueue();
    const done: number[] = [];
    queue.run(() => {
      done.push(1);
      queue.run(() => done.push(2));
    });
    await turn();
    expect(done).toEqual([1]);
    await queue.take();
    expect(done).toEqual([1, 2]);
    queue.run(() => done.push(3));
    await turn();
    expect(done).toEqual([1, 2, 3]);
  });
});
