import { describe, expect, it } from 'vitest';
import { applyAll, effectsOf, type Request, whyNotFinal, whyNotOneRecord } from './request.js';

describe('requests in flight together', () => {
  const first = { kind: 'write', offset: 2, length: 4, content: 1, fua: false } as const;
  const second = { kind: 'write', offset: 4, length: 4, content: 2, fua: false } as const;
  const before = Buffer.alloc(10, 0xff);
  const effects = effectsOf([first, second, { kind: 'flush' }], before.length);
  const zero = effectsOf([{ kind: 'zero', offset: 0, length: 10 }], before.length);

  it('may end in any order, and in nothing else', () => {
    for (const order of [effects, effects.toReversed()]) {
      expect(whyNotFinal(before, applyAll(before, order), effects)).toBeUndefined();
    }
    expect(whyNotFinal(before, before, effects)).toContain('byte 2');
    expect(whyNotFinal(before, applyAll(before, zero), effects)).toContain('byte 0');
  });

  it('are a record each', () => {
    const after = applyAll(before, effects.slice(0, 1));
    expect(whyNotOneRecord(before, after, effects)).toBeUndefined();
    expect(whyNotOneRecord(before, before, effects)).toBeUndefined();
    expect(whyNotOneRecord(before, applyAll(before, effects), effects)).toContain('bytes 2 to 7');
  });
});

describe('the effect of a request', () => {
  const trim = (offset: number, length: number): Request => ({ kind: 'trim', offset, length });

  it('of a trim are zeros in the blocks it covers as a whole, the short last one too', () => {
    const of = (request: Request): number[][] =>
      effectsOf([request], 10_000).map(({ offset, bytes }) => [offset, bytes.length]);
    expect(of(trim(0, 4096))).toEqual([[0, 4096]]);
    expect(of(trim(1, 4095))).toEqual([]);
    expect(of(trim(1, 9000))).toEqual([[4096, 4096]]);
    expect(of(trim(8192, 1808))).toEqual([[8192, 1808]]);
    expect(of(trim(8193, 1807))).toEqual([]);
  });

  it('of a write are its bytes, the same each time', () => {
    const write = { kind: 'write', offset: 0, length: 9, content: 1, fua: false } as const;
    expect(effectsOf([write], 9)).toEqual(effectsOf([write], 9));
    expect(effectsOf([write], 9)).not.toEqual(effectsOf([{ ...write, content: 2 }], 9));
  });
});
