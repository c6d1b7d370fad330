import { describe, expect, it } from 'vitest';
import { applyAll, type Request, requestBytes, whyNotFinal, whyNotOneRecord } from './request.js';

describe('requests in flight together', () => {
  const first = { kind: 'write', offset: 2, length: 4, content: 1, fua: false } as const;
  const second = { kind: 'write', offset: 4, length: 4, content: 2, fua: false } as const;
  const zero = { kind: 'zero', offset: 0, length: 10 } as const;
  const before = Buffer.alloc(10, 0xff);
  const both: readonly Request[] = [first, second, { kind: 'flush' }];

  it('may end in any order, and in nothing else', () => {
    for (const order of [both, both.toReversed()]) {
      expect(whyNotFinal(before, applyAll(before, order), both)).toBeUndefined();
    }
    expect(whyNotFinal(before, before, both)).toContain('byte 2');
    expect(whyNotFinal(before, applyAll(before, [zero]), both)).toContain('byte 0');
  });

  it('are a record each', () => {
    const after = applyAll(before, [first]);
    expect(whyNotOneRecord(before, after, both)).toBeUndefined();
    expect(whyNotOneRecord(before, before, both)).toBeUndefined();
    expect(whyNotOneRecord(before, applyAll(before, both), both)).toContain('bytes 2 to 7');
  });

  it('read back as what was written, and trims as zeros', () => {
    expect(requestBytes(first)).toEqual(requestBytes({ ...first, offset: 9 }));
    expect(requestBytes(first)).not.toEqual(requestBytes({ ...first, content: 3 }));
    expect(requestBytes({ kind: 'trim', offset: 0, length: 3 })).toEqual(Buffer.alloc(3));
  });
});
