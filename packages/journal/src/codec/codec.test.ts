import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Chance } from '../storage/testing/faults.js';
import { CODEC, machineCodec, makeCodec } from './codec.js';
import { libraryZstd, nodeZstd, type Zstd } from './zstd.js';

const OPTIONS = { plainBytesMax: 1 << 20, place: 'file byte 9' };
const library = libraryZstd();
const zstds = [library, nodeZstd()].filter((zstd): zstd is Zstd => zstd !== undefined);
const codecs = [...zstds, undefined].map(makeCodec);

const random = (bytes: number): Buffer => {
  const chance = new Chance(bytes);
  return Buffer.from(Array.from({ length: bytes }, () => chance.below(256)));
};

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'done';
  } catch (error) {
    return (error as { readonly code: unknown }).code;
  }
};

describe('the codec', () => {
  it('gives back what it was given, at once and later', async () => {
    for (const codec of codecs) {
      for (const bytes of [0, 1, 15, 16, 17, 1000, 70_000, 300_000]) {
        for (const plain of [Buffer.alloc(bytes, 'abcab'), random(bytes)]) {
          const packed = codec.compress(plain, { level: 1 });
          const { codec: number, bytes: stored } = packed;
          if (number === CODEC.raw) expect(stored).toBe(plain);
          else expect(stored.length * 16).toBeLessThan(plain.length * 15);
          const later = codec.decompressLater(number, stored, bytes, OPTIONS);
          expect(codec.decompress(number, stored, bytes, OPTIONS).equals(plain)).toBe(true);
          expect((await later).equals(plain)).toBe(true);
        }
      }
    }
  });

  it('compresses what can be, and says how', () => {
    const plain = Buffer.alloc(1000, 'abc');
    const used = codecs.map((codec) => codec.compress(plain, { level: 1 }).codec);
    expect(used).toEqual([...zstds.map(() => CODEC.zstd), CODEC.deflate]);
    expect(machineCodec.compress(plain, { level: 0 })).toEqual({ codec: 0, bytes: plain });
    expect(machineCodec.compress(random(1000), { level: 19 }).codec).toBe(CODEC.raw);
  });

  it('calls wrong lengths, unknown codecs and damaged bytes corruption', async () => {
    const plain = Buffer.alloc(100_000, 'abc');
    for (const codec of codecs) {
      const { codec: number, bytes } = codec.compress(plain, { level: 1 });
      const cut = bytes.subarray(0, bytes.length - 1);
      for (const [how, stored, plainBytes] of [
        [number, bytes, plain.length + 1],
        [number, bytes, plain.length - 1],
        [number, bytes, OPTIONS.plainBytesMax + 1],
        [number, cut, plain.length],
        [number, random(500), plain.length],
        [CODEC.raw, bytes, plain.length],
        [3, bytes, plain.length],
      ] as const) {
        const wanted = { code: 'CORRUPTION', details: { place: 'file byte 9' } };
        const code = codeOf(() => codec.decompress(how, stored, plainBytes, OPTIONS));
        expect([how, plainBytes, code]).toEqual([how, plainBytes, 'CORRUPTION']);
        const later = codec.decompressLater(how, stored, plainBytes, OPTIONS);
        await expect(later).rejects.toMatchObject(wanted);
      }
    }
  });

  it('names libzstd where a file needs it and the machine lacks it', async () => {
    const without = makeCodec(undefined);
    const wanted = {
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('libzstd') as string,
    };
    const late = without.decompressLater(CODEC.zstd, random(9), 100_000, OPTIONS);
    await expect(late).rejects.toMatchObject(wanted);
    const code = codeOf(() => without.decompress(CODEC.zstd, random(9), 100, OPTIONS));
    expect(code).toBe('STORAGE_FAILED');
    expect(libraryZstd('libnone.so.1')).toBeUndefined();
  });

  it('serves more calls at once than there is room to wait for', async () => {
    const plain = Buffer.alloc(70_000, 'abc');
    const { codec, bytes } = machineCodec.compress(plain, { level: 1 });
    const all = Array.from({ length: 600 }, () =>
      machineCodec.decompressLater(codec, bytes, plain.length, OPTIONS),
    );
    for (const got of await Promise.all(all)) expect(got.equals(plain)).toBe(true);
  });

  it.skipIf(library === undefined)('writes what the zstd program reads', () => {
    const plain = Buffer.alloc(5000, 'abc');
    const packed = library!.compress(plain, 3, 5000)!;
    let unpacked: Buffer;
    try {
      unpacked = execFileSync('zstd', ['-dc'], { input: packed });
    } catch (error) {
      if ((error as { readonly code: unknown }).code === 'ENOENT') return;
      throw error;
    }
    expect(unpacked.equals(plain)).toBe(true);
  });
});
