import { describe, expect, it } from 'vitest';
import { type Contents, chooseFilesystem, parseBlkid, parsePartx } from './partitions.js';

const whole: Contents = {
  partition: 0,
  offsetBytes: 0,
  sizeBytes: 1 << 20,
  type: 'ext4',
  isFilesystem: true,
};
const boot: Contents = { ...whole, partition: 1, type: 'vfat' };
const swap: Contents = {
  ...whole,

  partition: 2,
  type: 'swap',
  isFilesystem: false,
};
const root: Contents = { ...whole, partition: 3 };

describe('parseBlkid', () => {
  it('tells filesystems from other contents', () => {
    expect(parseBlkid('DEVNAME=/dev/x\nTYPE=ext4\nUSAGE=filesystem\n')).toEqual({
      type: 'ext4',
      isFilesystem: true,
    });
    expect(parseBlkid('TYPE=swap\nUSAGE=other\n')).toEqual({ type: 'swap', isFilesystem: false });
    expect(parseBlkid('')).toEqual({ type: undefined, isFilesystem: false });
  });
});

describe('parsePartx', () => {
  it('reads numbers, starts and sizes in sectors', () => {
    expect(parsePartx('1 2048 40960\n 5 43008 1\n\nnonsense\n')).toEqual([
      { partition: 1, offsetBytes: 1 << 20, sizeBytes: 20 << 20 },
      { partition: 5, offsetBytes: 43_008 * 512, sizeBytes: 512 },
    ]);
  });
});

describe('chooseFilesystem', () => {
  it('takes the only filesystem', () => {
    expect(chooseFilesystem([whole], undefined).partition).toBe(0);
    expect(chooseFilesystem([swap, root], undefined).partition).toBe(3);
  });

  it('takes the partition asked for', () => {
    expect(chooseFilesystem([boot, swap, root], 1).partition).toBe(1);
  });

  it('names them when there are several', () => {
    expect(() => chooseFilesystem([boot, swap, root], undefined)).toThrow(
      /1 \(vfat, 1 MiB\), 2 \(swap, 1 MiB\), 3 \(ext4, 1 MiB\): choose one with --partition N/,
    );
  });

  it('says what is there instead', () => {
    expect(() => chooseFilesystem([boot, root], 2)).toThrow(/no partition 2: .* 1 \(vfat/);
    expect(() => chooseFilesystem([whole], 1)).toThrow(/has no partitions/);
    expect(() => chooseFilesystem([swap], 2)).toThrow(/only partitions 2 \(swap/);
    const empty = { ...whole, type: undefined, isFilesystem: false };
    expect(() => chooseFilesystem([empty], undefined)).toThrow(/but nothing that is known/);
  });
});
