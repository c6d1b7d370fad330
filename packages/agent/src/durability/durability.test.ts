import type { Durability as Mode, TimeUs } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { SyncCoalescer } from '../backing/sync-coalescer.js';
import { resolveLimits } from '../limits.js';
import { RecordQueue } from '../queue/record-queue.js';
import { RecordStream } from '../stream/record-stream.js';
import { FakeScheduler, settle } from '../testing/fake-scheduler.js';
import { tickingClock } from '../testing/volume-bench.js';
import { Durability } from './durability.js';

const setUp = (mode: Mode) => {
  const scheduler = new FakeScheduler();
  const stream = new RecordStream(new RecordQueue(), tickingClock(), 0 as TimeUs);
  stream.begin(1);
  const log: string[] = [];
  let finishSync: (error?: Error) => void = () => {};
  const durability = new Durability({
    mode,
    stream,
    scheduler,
    limits: resolveLimits(),
    sync: () =>
      new Promise((resolve, reject) => {
        finishSync = (error) => (error === undefined ? resolve() : reject(error));
      }),
    listener: {
      changed: (inForce, reason) => log.push(`${inForce}: ${reason}`),
      waiting: () => log.push('waiting'),
    },
  });
  durability.setProtected(true);
  const ack = (n: number): void => {
    stream.sent(n);
    stream.acknowledge(n);
    durability.acknowledged(n);
  };
  const watch = (promise: Promise<void> | undefined, name: string): void => {
    if (promise === undefined) log.push(`${name} at once`);
    else
      promise.then(
        () => log.push(name),
        () => log.push(`${name} failed`),
      );
  };
  return { scheduler, stream, durability, log, ack, watch, sync: (e?: Error) => finishSync(e) };
};

describe('mode flush', () => {
  it('answers a flush when the local sync AND the journal are done, in either order', async () => {
    for (const first of ['sync', 'ack']) {
      const { stream, durability, log, ack, watch, sync } = setUp('flush');
      watch(durability.afterFlush(stream.flush(0)), 'flushed');
      if (first === 'sync') sync();
      else ack(1);
      await settle();
      expect(log).toEqual(['waiting']);
      if (first === 'sync') ack(1);
      else sync();
      await settle();
      expect(log).toEqual(['waiting', 'flushed']);
    }
  });

  it('fails a flush whose local sync fails, whatever the journal says', async () => {
    const { stream, durability, log, ack, watch, sync } = setUp('flush');
    watch(durability.afterFlush(stream.flush(0)), 'flush');
    ack(1);
    sync(new Error('EIO'));
    await settle();
    expect(log).toEqual(['waiting', 'flush failed']);
  });

  it('answers on local durability alone after 2 s, and returns later', async () => {
    const { scheduler, stream, durability, log, ack, watch, sync } = setUp('flush');
    watch(durability.afterFlush(stream.flush(0)), 'first');
    sync();
    await scheduler.advance(1999);
    expect(log).toEqual(['waiting']);
    await scheduler.advance(1);
    expect(log).toEqual(['waiting', 'async: the journal has not answered for 2 s', 'first']);
    expect(durability.inForce).toBe('async');
    watch(durability.afterFlush(stream.flush(0)), 'second');
    sync();
    await settle();
    expect(log.at(-1)).toBe('second');
    ack(1);
    expect(durability.inForce).toBe('async');
    ack(2);
    expect(durability.inForce).toBe('flush');
    expect(log.at(-1)).toBe('flush: the journal has caught up');
  });

  it('returns under a steady load once the journal keeps up', async () => {
    const { scheduler, stream, durability, ack } = setUp('flush');
    void durability.afterFlush(stream.flush(0));
    await scheduler.advance(2000);
    for (let i = 0; i < 50; i++) stream.flush(0);
    // Slow: each record is stored half a second after it was made.
    for (let n = 1; n < 20; n++) {
      await scheduler.advance(500);
      stream.flush(0);
      ack(n);
    }
    expect(durability.inForce).toBe('async');
    ack(stream.position.n - 1);
    for (let i = 0; i < 3; i++) {
      stream.flush(0);
      await scheduler.advance(10);
      ack(stream.position.n - 1);
    }
    expect(durability.inForce).toBe('flush');
  });

  it('lets everybody go when the volume is no longer protected', async () => {
    const { scheduler, stream, durability, log, watch, sync } = setUp('flush');
    watch(durability.afterFlush(stream.flush(0)), 'flushed');
    sync();
    durability.setProtected(false);
    await settle();
    expect(log).toEqual(['waiting', 'flushed']);
    expect(scheduler.pending).toBe(0);
    expect(durability.inForce).toBe('async');
  });

  it('lets writes without FUA go at once', () => {
    const { stream, durability, log, watch } = setUp('flush');
    watch(durability.afterChange(stream.flush(0), false), 'write');
    expect(log).toEqual(['write at once']);
  });
});

describe('mode sync', () => {
  it('lets every write wait for the journal, and degrades likewise', async () => {
    const { scheduler, stream, durability, log, ack, watch } = setUp('sync');
    watch(durability.afterChange(stream.flush(0), false), 'write');
    ack(1);
    await settle();
    expect(log).toEqual(['waiting', 'write']);
    watch(durability.afterChange(stream.flush(0), false), 'late');
    await scheduler.advance(2000);
    expect(log.at(-1)).toBe('late');
    expect(durability.inForce).toBe('async');
  });
});

describe('mode async', () => {
  it('waits for the local disk only', async () => {
    const { stream, durability, log, watch, sync } = setUp('async');
    watch(durability.afterFlush(stream.flush(0)), 'flushed');
    sync();
    await settle();
    expect(log).toEqual(['flushed']);
  });
});

describe('local syncs', () => {
  it('who asks while one runs gets the next one, shared with all who ask meanwhile', async () => {
    const finish: (() => void)[] = [];
    const coalescer = new SyncCoalescer(() => new Promise((resolve) => finish.push(resolve)));
    const log: string[] = [];
    const ask = (name: string): void => void coalescer.sync().then(() => log.push(name));
    ask('a');
    ask('b');
    ask('c');
    expect(finish.length).toBe(1);
    finish[0]!();
    await settle();
    expect(log).toEqual(['a']);
    expect(finish.length).toBe(2);
    finish[1]!();
    await settle();
    expect(log).toEqual(['a', 'b', 'c']);
    expect(finish.length).toBe(2);
  });

  it('goes on after one that failed', async () => {
    const results = [Promise.reject(new Error('EIO')), Promise.resolve()];
    const coalescer = new SyncCoalescer(() => results.shift()!);
    const first = coalescer.sync();
    const second = coalescer.sync();
    await expect(first).rejects.toThrow('EIO');
    await expect(second).resolves.toBeUndefined();
  });
});
