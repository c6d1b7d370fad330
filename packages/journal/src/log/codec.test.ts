import { crc32c } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { Chance } from '../storage/testing/faults.js';
import { decodeChunk } from './chunk-decoder.js';
import { encodeChunk } from './chunk-encoder.js';
import { planChunks } from './chunk-plan.js';
import { crc32cWords } from './crc32c-words.js';
import { LOG_LIMITS } from './limits.js';
import type { CommitInfo } from './log-record.js';
import { checksumUnit } from './payload-check.js';
import { RecordMaker } from './testing/log-fixture.js';
import { setU64, u64At } from './words.js';

describe('crc32cWords', () => {
  it('is the CRC-32C of the words in memory', () => {
    const chance = new Chance(3);
    for (let length = 0; length < 60; length++) {
      const words = Uint32Array.from({ length }, () => chance.below(2 ** 32));
      const from = Math.min(length, chance.below(5));
      const bytes = Buffer.from(words.buffer, from * 4, (length - from) * 4);
      expect(crc32cWords(words, from, length)).toBe(crc32c(bytes));
    }
  });
});

describe('u64', () => {
  it('comes back for every safe integer', () => {
    const words = new Uint32Array(2);
    for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
      setU64(words, 0, value);
      expect(u64At(words, 0)).toBe(value);
      expect(Buffer.from(words.buffer).readBigUInt64LE(0)).toBe(BigInt(value));
    }
  });
});

describe('checksumUnit', () => {
  it('finds the block size from length and count, also with a short last block', () => {
    for (let blockBytes = 512; blockBytes <= 65_536; blockBytes *= 2) {
      for (const length of [2 * blockBytes, 9 * blockBytes - 3, 8 * blockBytes + 1]) {
        expect(checksumUnit(length, Math.ceil(length / blockBytes))).toBe(blockBytes);
      }
      expect(checksumUnit(blockBytes, 1)).toBe(blockBytes);
    }
  });
});

describe('a chunk', () => {
  const commit: CommitInfo = {
    commit: 9,
    segment: 4,
    firstLsn: 100 as CommitInfo['firstLsn'],
    count: 40,
    arrivalUs: 1_700_000_000_000_001 as CommitInfo['arrivalUs'],
    provenLsn: 99 as CommitInfo['provenLsn'],
    watermarks: [{ groupId: 1, timeUs: 5, seq: 3 } as CommitInfo['watermarks'][number]],
  };
  const encode = () => {
    const maker = new RecordMaker(new Chance(8));
    const inputs = Array.from({ length: 40 }, () => maker.next());
    const plan = planChunks(inputs, LOG_LIMITS);
    expect(plan.length).toBe(1);
    const place = { chunkIndex: 0, chunkCount: 1, firstLsn: 100, blockPosition: 64 };
    const chunk = encodeChunk({ commit, catalogChange: 2, ...place }, inputs, plan[0]!);
    return { inputs, chunk };
  };

  it('comes back whole, from any alignment', () => {
    const { inputs, chunk } = encode();
    const odd = Buffer.concat([Buffer.alloc(1), chunk.entry]).subarray(1);
    for (const bytes of [chunk.entry, odd]) {
      const decoded = decodeChunk(bytes);
      if (typeof decoded === 'string') throw new Error(decoded);
      expect(decoded.whole).toBe(true);
      expect(decoded.watermarks).toEqual(commit.watermarks);
      expect(decoded.records.map(({ seq }) => seq)).toEqual(inputs.map(({ seq }) => seq));
      expect(decoded.records.map(({ checksums }) => [...checksums])).toEqual(
        inputs.map(({ checksums }) => [...checksums]),
      );
    }
  });

  it('with a flipped bit loses one record, or one watermark, or itself', () => {
    const { chunk } = encode();
    for (let at = 0; at < chunk.entry.length; at++) {
      const damaged = Buffer.from(chunk.entry);
      damaged[at]! ^= 1 << (at % 8);
      const decoded = decodeChunk(damaged);
      if (at < 104) {
        expect(typeof decoded).toBe('string');
        continue;
      }
      if (typeof decoded === 'string') throw new Error(decoded);
      expect(decoded.whole).toBe(false);
      const left = decoded.records.length + decoded.watermarks.length;
      expect(left).toBeGreaterThanOrEqual(40);
    }
  });

  it('takes payloads that lie side by side as one buffer', () => {
    const message = Buffer.alloc(4 * 512, 7);
    const maker = new RecordMaker(new Chance(8));
    const inputs = Array.from({ length: 4 }, (_, i) => ({
      ...maker.next(1),
      kind: 1 as const,
      length: 512,
      checksums: new Uint32Array(1),
      payload: message.subarray(i * 512, (i + 1) * 512),
    }));
    const [plan] = planChunks(inputs, LOG_LIMITS);
    const place = { chunkIndex: 0, chunkCount: 1, firstLsn: 1, blockPosition: 64 };
    const { payloads } = encodeChunk({ commit, catalogChange: 0, ...place }, inputs, plan!);
    expect(payloads.map(({ length }) => length)).toEqual([2048]);
  });

  it('holds no more than the limits, but always one record', () => {
    const maker = new RecordMaker(new Chance(8));
    const inputs = Array.from({ length: 30 }, () => maker.next());
    const limits = { ...LOG_LIMITS, chunkRecordsMax: 4, chunkPayloadBytesMax: 1000 };
    const plan = planChunks(inputs, limits);
    expect(plan[0]!.from).toBe(0);
    for (const [index, { from, to, payloadBytes }] of plan.entries()) {
      expect(to - from).toBeLessThanOrEqual(4);
      expect(to - from === 1 || payloadBytes <= 1000).toBe(true);
      expect(to).toBe(plan[index + 1]?.from ?? inputs.length);
    }
    expect(planChunks([], limits).length).toBe(1);
  });
});
