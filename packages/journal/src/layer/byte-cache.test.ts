import { describe, expect, it } from 'vitest';
import { Chance } from '../storage/testing/faults.js';
import { ByteCache } from './byte-cache.js';

const make = (bytesMax: number) => new ByteCache<string>(bytesMax, ({ length }) => length);

describe('a cache by bytes', () => {
  it('keeps what was used last, within its bytes', async () => {
    const cache = make(10);
    const share = cache.share();
    for (const [key, value] of [
      [1, 'aaaa'],
      [2, 'bbbb'],
    ] as const) {
      await share.load(key, () => Promise.resolve(value));
    }
    expect(share.get(1)).toBe('aaaa');
    await share.load(3, () => Promise.resolve('cc'));
    expect([share.get(1), share.get(2), share.get(3)]).toEqual(['aaaa', 'bbbb', 'cc']);
    expect(share.get(1)).toBe('aaaa');
    await share.load(4, () => Promise.resolve('d'));
    expect([share.get(1), share.get(2), share.get(3), share.get(4)]).toEqual([
      'aaaa',
      undefined,
      'cc',
      'd',
    ]);
    expect(cache.bytes).toBe(7);
    await share.load(5, () => Promise.resolve('too long to keep'));
    expect([share.get(5), cache.bytes]).toEqual([undefined, 7]);
  });

  it('loads once for all who ask meanwhile, and again after a failure', async () => {
    const share = make(10).share();
    let loads = 0;
    const load = async () => {
      loads++;
      if (loads === 1) throw new Error('not this time');
      return 'x';
    };
    const [first, second] = [share.load(1, load), share.load(1, load)];
    await expect(first).rejects.toThrow('not this time');
    await expect(second).rejects.toThrow('not this time');
    expect(await Promise.all([share.load(1, load), share.load(1, load)])).toEqual(['x', 'x']);
    expect(loads).toBe(2);
  });

  it('forgets a file with its share, and what comes for it later', async () => {
    const cache = make(10);
    const [one, other] = [cache.share(), cache.share()];
    await other.load(1, () => Promise.resolve('b'));
    await one.load(1, () => Promise.resolve('aaa'));
    let arrive: (value: string) => void = () => {};
    const late = one.load(2, () => new Promise((resolve) => (arrive = resolve)));
    one.close();
    arrive('late');
    expect(await late).toBe('late');
    expect([one.get(1), one.get(2), other.get(1), cache.bytes]).toEqual([
      undefined,
      undefined,
      'b',
      1,
    ]);
  });

  it('agrees with a list, whatever is done', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const chance = new Chance(seed);
      const cache = make(20);
      const share = cache.share();
      let list: (readonly [number, string])[] = [];
      for (let step = 0; step < 200; step++) {
        const key = chance.below(8);
        const found = list.find(([listed]) => listed === key);
        expect(share.get(key)).toBe(found?.[1]);
        list = list.filter((item) => item !== found);
        const entry = found ?? ([key, 'x'.repeat(1 + chance.below(9))] as const);
        await share.load(key, () => Promise.resolve(entry[1]));
        list.push(entry);
        const bytes = () => list.reduce((sum, [, value]) => sum + value.length, 0);
        while (bytes() > 20) list.shift();
        expect(cache.bytes).toBe(bytes());
      }
    }
  });
});
