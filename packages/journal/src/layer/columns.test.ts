import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ColumnsReader, ColumnsWriter } from './columns.js';
import { decodeDeltas, decodeSigned, encodeDeltas, encodeSigned } from './varint.js';

const MAX = Number.MAX_SAFE_INTEGER;
const counts = fc.array(fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(0, MAX, 2 ** 30)));
const signed = fc.array(fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(-MAX, MAX)));
const corruption = expect.objectContaining({ code: 'CORRUPTION' }) as Error;

describe('columns', () => {
  it('give back every whole number up to 2^53 - 1, of both signs', () => {
    fc.assert(
      fc.property(counts, signed, (up, both) => {
        expect([...decodeDeltas(encodeDeltas(up), up.length, 'x')]).toEqual(up);
        const positive = both.map((value) => (value === 0 ? 0 : value));
        expect([...decodeSigned(encodeSigned(positive), both.length, 'x')]).toEqual(positive);
      }),
    );
  });

  it('take a byte for small steps', () => {
    expect(encodeDeltas([63, 0, 63, 100])).toHaveLength(4);
    expect(encodeSigned([-63, 64])).toHaveLength(3);
  });

  it('are refused cut off, too long, out of bounds, or of another length', () => {
    const bytes = encodeDeltas([5, MAX, 7]);
    for (const [wrong, count] of [
      [bytes.subarray(0, -1), 3],
      [Buffer.concat([bytes, Buffer.of(0)]), 3],
      [bytes, 4],
      [bytes, 2],
      [encodeSigned([-1]), 1],
      [encodeSigned([MAX, 1]), 2],
      [Buffer.alloc(9, 0xff), 1],
      [Buffer.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), 1],
    ] as const) {
      expect(() => decodeDeltas(wrong, count, 'x')).toThrow(corruption);
    }
    const columns = new ColumnsWriter().deltas(1, [1, 2]).bytes(2, Buffer.of(1)).encode();
    for (let length = 0; length < columns.length; length++) {
      expect(() => new ColumnsReader(columns.subarray(0, length), 'x')).toThrow(corruption);
    }
    const reader = new ColumnsReader(columns, 'x');
    expect([...reader.numbers(1, 2), ...reader.numbers(3, 0)]).toEqual([1, 2]);
    expect(() => reader.numbers(1, 3)).toThrow(corruption);
    expect(() => reader.numbers(2, 1)).toThrow(corruption);
    expect(() => reader.bytes(1, 2)).toThrow(corruption);
    expect(() => reader.words(1, 2)).toThrow(corruption);
    expect(() => reader.numbers(9, 1)).toThrow(corruption);
  });
});
