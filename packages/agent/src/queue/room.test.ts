import { RECORD_KIND } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { resolveLimits } from '../limits.js';
import { FakeScheduler, settle } from '../testing/fake-scheduler.js';
import { RECORD_OVERHEAD_BYTES, RecordQueue } from './record-queue.js';
import { Room } from './room.js';

const KIB = 1024;

const setUp = (worth = true) => {
  const queue = new RecordQueue();
  const scheduler = new FakeScheduler();
  const limits = resolveLimits({ queueBytesMax: 100 * KIB });
  let givenUp = 0;
  const giveUp = (): void => {
    givenUp += 1;
    room.close();
  };
  const room = new Room(queue, limits, scheduler, giveUp, () => worth);
  room.open();
  let n = 0;
  const push = (bytes: number): void => {
    n += 1;
    queue.push({
      kind: RECORD_KIND.write,
      flags: 0,
      volumeIndex: 0,
      n: n as never,
      timeUs: 0 as never,
      offset: 0 as never,
      length: bytes,
      checksums: new Uint32Array(0),
      payload: Buffer.alloc(0),
      heldBytes: bytes,
    });
  };
  return { queue, room, scheduler, push, givenUp: () => givenUp };
};

/** Notes when a promise is done. */
const watch = (promise: Promise<unknown>, log: string[], name: string): void => {
  promise.then(
    () => log.push(name),
    () => log.push(`${name} failed`),
  );
};

describe('room in the queue', () => {
  it('is given in order as records are acknowledged', async () => {
    const { queue, room, push } = setUp();
    push(90 * KIB);
    const log: string[] = [];
    watch(room.take(40 * KIB), log, 'large');
    watch(room.take(1), log, 'small');
    await settle();
    expect(log).toEqual([]);
    expect(room.hasRoom(1)).toBe(false);
    queue.dropThrough(1);
    room.freed();
    await settle();
    expect(log).toEqual(['large', 'small']);
  });

  it('lets one request in alone, however large', async () => {
    const { room } = setUp();
    const reserved = await room.take(500 * KIB);
    expect(reserved).toBe(500 * KIB + RECORD_OVERHEAD_BYTES);
    expect(room.hasRoom(1)).toBe(false);
    room.give(reserved);
    expect(room.hasRoom(1)).toBe(true);
  });

  it('is waited for five seconds by the oldest, then the queue is given up', async () => {
    const { room, scheduler, push, givenUp } = setUp();
    push(100 * KIB);
    const log: string[] = [];
    watch(room.take(10), log, 'first');
    await scheduler.advance(3000);
    watch(room.take(10), log, 'second');
    await scheduler.advance(1999);
    expect([givenUp(), log]).toEqual([0, []]);
    await scheduler.advance(1);
    expect([givenUp(), log]).toEqual([1, ['first', 'second']]);
    expect(room.hasRoom(1 << 30)).toBe(true);
  });

  it('is not waited for when giving up costs nothing', async () => {
    const { room, scheduler, push, givenUp } = setUp(false);
    push(100 * KIB);
    const log: string[] = [];
    watch(room.take(10), log, 'first');
    await scheduler.advance(0);
    expect([givenUp(), log]).toEqual([1, ['first']]);
  });

  it('is not kept for a dead connection, and the next one waits its own time', async () => {
    const { room, scheduler, push, givenUp } = setUp();
    push(100 * KIB);
    const gone = new AbortController();
    const log: string[] = [];
    watch(room.take(10, gone.signal), log, 'dead');
    await scheduler.advance(4000);
    watch(room.take(10), log, 'alive');
    gone.abort(new Error('gone'));
    await scheduler.advance(4999);
    expect([givenUp(), log]).toEqual([0, ['dead failed']]);
    await scheduler.advance(1);
    expect(givenUp()).toBe(1);
  });

  it('is given to a copy in the lower half only, and after all guests', async () => {
    const { queue, room, push } = setUp();
    push(45 * KIB);
    const log: string[] = [];
    watch(room.takeForCopy(10 * KIB), log, 'copy');
    await settle();
    expect(log).toEqual([]);
    expect(room.hasRoom(50 * KIB)).toBe(true);
    queue.dropThrough(1);
    room.freed();
    await settle();
    expect(log).toEqual(['copy']);
  });
});
