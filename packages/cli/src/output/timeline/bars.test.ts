import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { barOf, scaleOf, scaleText } from './bars.js';

const drawn = (values: readonly number[]): string => {
  const scale = scaleOf(values);
  return scale === undefined ? '' : values.map((value) => barOf(scale, value)).join('');
};

describe('bars', () => {
  it('are linear while most values can be told apart', () => {
    expect(drawn([1, 2, 3, 4, 5, 6, 7, 8])).toBe('▁▂▃▄▅▆▇█');
    expect(drawn([5])).toBe('█');
    expect(drawn([1, 1000, 1000])).toBe('▁██');
  });

  it('are logarithmic when a burst would flatten all others', () => {
    expect(scaleOf([1, 10, 100, 10_000])?.kind).toBe('log');
    expect(drawn([1, 10, 100, 1000, 10_000])).toBe('▁▃▅▇█');
  });

  it('say what they stand for', () => {
    const text = (values: readonly number[]) => scaleText(scaleOf(values)!, String);
    expect(text([4, 8])).toBe('linear scale, █ is 8');
    expect(text([4, 4, 4000])).toBe('log scale, ▁ is 4, █ is 4000');
  });

  it('are none for nothing', () => {
    expect(scaleOf([])).toBeUndefined();
    expect(scaleOf([0, 0])).toBeUndefined();
  });

  it('never fall while values rise, and the largest is the highest', () => {
    const values = fc.array(fc.integer({ min: 1, max: 2 ** 50 }), { minLength: 1 });
    fc.assert(
      fc.property(values, (some) => {
        const sorted = [...some].sort((left, right) => left - right);
        const bars = [...drawn(sorted)];
        expect(bars).toEqual([...bars].sort());
        expect(bars.at(-1)).toBe('█');
        expect(bars).toHaveLength(sorted.length);
      }),
    );
  });
});
