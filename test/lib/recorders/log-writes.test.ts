import { describe, expect, it } from 'vitest';
import { applyLogEntry, readLogWrites } from './log-writes.js';

const SECTOR = 512;

function superBlock(entries: number): Buffer {
  const sector = Buffer.alloc(SECTOR);
  sector.writeBigUInt64LE(0x6a736677736872n, 0);
  sector.writeBigUInt64LE(1n, 8);
  sector.writeBigUInt64LE(BigInt(entries), 16);
  sector.writeUInt32LE(SECTOR, 24);
  return sector;
}

function entry(sector: number, sectors: number, flags: number): Buffer {
  const header = Buffer.alloc(SECTOR);
  header.writeBigUInt64LE(BigInt(sector), 0);
  header.writeBigUInt64LE(BigInt(sectors), 8);
  header.writeBigUInt64LE(BigInt(flags), 16);
  return header;
}

describe('a log in the format of dm-log-writes', () => {
  it('is read entry by entry, and replayed', () => {
    const data = Buffer.alloc(2 * SECTOR, 7);
    const log = Buffer.concat([
      superBlock(3),
      entry(1, 2, 0),
      data,
      entry(0, 0, 1),
      entry(2, 1, 4),
      Buffer.alloc(SECTOR, 0xff),
    ]);
    const entries = readLogWrites(log);
    expect(entries).toHaveLength(3);
    expect(entries.map(({ isFlush, isDiscard }) => [isFlush, isDiscard])).toEqual([
      [false, false],
      [true, false],
      [false, true],
    ]);
    const image = Buffer.alloc(4 * SECTOR, 1);
    for (const one of entries) applyLogEntry(image, one);
    const sectors = [0, 1, 2, 3].map((index) => image[index * SECTOR]);
    expect(sectors).toEqual([1, 7, 0, 1]);
  });

  it('is refused when it is something else or cut short', () => {
    expect(() => readLogWrites(Buffer.alloc(SECTOR))).toThrow('no such log');
    expect(() => readLogWrites(Buffer.concat([superBlock(1), entry(0, 9, 0)]))).toThrow('past');
  });
});
