import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetraceError } from '../errors/retrace-error.js';
import type { Epoch } from '../ids/brands.js';
import { arbitraryRecords } from '../testing/arbitrary-records.js';
import { decodeDataFrame, encodeDataFrame, framedBytes } from './data-frame.js';

const EPOCH = 7 as Epoch;

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof RetraceError) return error.code;
    throw error;
  }
  return 'none';
};

describe('data frame', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(arbitraryRecords(), (records) => {
        const message = encodeDataFrame(EPOCH, records);
        expect(message.length).toBe(records.reduce((sum, r) => sum + framedBytes(r), 32));
        expect(decodeDataFrame(message)).toEqual({ epoch: EPOCH, records });
      }),
    );
  });

  it('refuses a flipped bit in the headers by name', () => {
    fc.assert(
      fc.property(arbitraryRecords(4), fc.nat(), fc.nat(7), (records, at, bit) => {
        const message = encodeDataFrame(EPOCH, records);
        const payloads = records.reduce((sum, r) => sum + r.payload.length, 0);
        message[at % (message.length - payloads)]! ^= 1 << bit;
        expect(codeOf(() => decodeDataFrame(message))).toMatch(/^(FRAME|PROTOCOL)_/);
      }),
    );
  });

  it('refuses a frame cut anywhere, and one with bytes behind it', () => {
    fc.assert(
      fc.property(arbitraryRecords(4), fc.nat(), (records, at) => {
        const message = encodeDataFrame(EPOCH, records);
        expect(codeOf(() => decodeDataFrame(message.subarray(0, at % message.length)))).toBe(
          'FRAME_INVALID',
        );
        const longer = Buffer.concat([message, Buffer.alloc(1)]);
        expect(codeOf(() => decodeDataFrame(longer))).toBe('FRAME_INVALID');
      }),
    );
  });

  it('never throws anything but a named error for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, magic) => {
        const message = Buffer.from(bytes);
        if (magic && message.length > 6) message.write('RTD1\x01\x00', 0, 'latin1');
        expect(codeOf(() => decodeDataFrame(message))).toMatch(/^(FRAME|PROTOCOL|RECORD)_/);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a hole in n', () => {
    const [records] = fc.sample(
      arbitraryRecords(20).filter((r) => r.length > 2),
      1,
    );
    const holed = [...records!.slice(0, 1), ...records!.slice(2)];
    expect(codeOf(() => decodeDataFrame(encodeDataFrame(EPOCH, holed)))).toBe('RECORD_HOLE');
  });

  it('reads the example of docs/formats/data-frame.md', () => {
    const url = new URL('../../../../docs/formats/data-frame.md', import.meta.url);
    const text = readFileSync(url, 'utf8');
    const hex = /```hex\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const bytes = hex.replace(/^[0-9a-f]+:/gm, '').replace(/\s/g, '');
    const { epoch, records } = decodeDataFrame(Buffer.from(bytes, 'hex'));
    expect(epoch).toBe(3);
    expect(records).toHaveLength(2);
    expect(records[0]).toMatchObject({ kind: 1, flags: 1, n: 41, offset: 8192, length: 512 });
    expect(records[0]!.payload.toString('latin1').trimEnd()).toBe('hello, journal');
    expect(records[1]).toMatchObject({ kind: 3, flags: 0, n: 42, offset: 65_536, length: 2 ** 40 });
  });
});
