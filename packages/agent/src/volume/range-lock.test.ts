import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../test/lib/seeded-random.js';
import { RangeLock } from './range-lock.js';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the range lock', () => {
  it('lets no two overlapping ranges in, keeps their order, and lets others run', async () => {
    const random = seededRandom();
    const lock = new RangeLock();
    const inside: { from: number; to: number; id: number }[] = [];
    const asked: { from: number; to: number; id: number; granted: boolean }[] = [];
    let together = 0;
    const one = async (id: number): Promise<void> => {
      const from = random.integer(0, 60);
      const to = from + random.integer(1, 8);
      const overlaps = (other: { from: number; to: number }): boolean =>
        other.from < to && from < other.to;
      const entry = { from, to, id, granted: false };
      asked.push(entry);
      const held = await lock.acquire(from, to);
      entry.granted = true;
      expect(inside.filter(overlaps)).toEqual([]);
      for (const earlier of asked) {
        if (earlier.id >= id) break;
        if (overlaps(earlier)) expect(earlier.granted).toBe(true);
      }
      inside.push(entry);
      together = Math.max(together, inside.length);
      for (let turns = random.integer(0, 4); turns > 0; turns--) await tick();
      inside.splice(inside.indexOf(entry), 1);
      held.release();
    };
    const running: Promise<void>[] = [];
    for (let id = 0; id < 600; id++) {
      running.push(one(id));
      if (random.chance(0.2)) await tick();
    }
    await Promise.all(running);
    expect(together).toBeGreaterThan(2);
    expect(lock.size).toBe(0);
  });

  it('takes a waiter out when its connection dies, and lets those behind it go on', async () => {
    const lock = new RangeLock();
    const first = await lock.acquire(0, 10);
    const gone = new AbortController();
    const second = lock.acquire(5, 15, gone.signal);
    const third = lock.acquire(12, 20);
    gone.abort(new Error('dead'));
    await expect(second).rejects.toThrow('dead');
    const held = await third;
    expect(lock.isFree(0, 5)).toBe(false);
    first.release();
    held.release();
    expect(lock.isFree(0, 100)).toBe(true);
  });

  it('keeps a lock that is held when its connection dies', async () => {
    const lock = new RangeLock();
    const gone = new AbortController();
    const held = await lock.acquire(0, 10, gone.signal);
    gone.abort(new Error('dead'));
    expect(lock.isFree(0, 1)).toBe(false);
    held.release();
    expect(lock.isFree(0, 1)).toBe(true);
  });
});
