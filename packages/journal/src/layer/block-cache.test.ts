import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BlockCache } from './block-cache.js';

const block = (file: number, key: number, length = 4096): Buffer =>
  Buffer.alloc(length, (file * 97 + key * 31) & 0xff);

it('gives what was put, or nothing, whatever is done', () => {
  const step = fc.record({
    what: fc.constantFrom('put', 'put', 'get', 'close'),
    file: fc.nat(2),
    key: fc.nat(40),
  });
  fc.assert(
    fc.property(fc.nat(20), fc.array(step, { maxLength: 300 }), (slots, steps) => {
      const cache = new BlockCache(slots * 4096 + 100);
      const shares = [cache.share(), cache.share(), cache.share()];
      let hits = 0;
      for (const { what, file, key } of steps) {
        const share = shares[file]!;
        const length = 4096 - (key % 3) * 1000;
        if (what === 'put') share.put(key, block(file, key, length));
        else if (what === 'close') {
          share.close();
          shares[file] = cache.share();
          expect(shares[file]!.get(key)).toBeUndefined();
        } else {
          const found = share.get(key);
          if (found !== undefined) expect(found.equals(block(file, key, length))).toBe(true);
          hits += found === undefined ? 0 : 1;
        }
      }
      if (slots === 0) expect(hits).toBe(0);
    }),
  );
});

it('keeps what is used, and as much as it may', () => {
  const cache = new BlockCache(4 * 4096);
  const share = cache.share();
  for (const key of [1, 2, 3, 4]) share.put(key, block(0, key));
  for (const key of [1, 2, 3, 4]) expect(share.get(key)).toBeDefined();
  // All were used: the hand goes round once, then the first goes.
  share.put(5, block(0, 5));
  expect([1, 2, 3, 4, 5].map((key) => share.get(key) !== undefined)).toEqual([
    false,
    true,
    true,
    true,
    true,
  ]);
  share.put(6, Buffer.alloc(4097));
  expect(share.get(6)).toBeUndefined();
});
