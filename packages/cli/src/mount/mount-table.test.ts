import { describe, expect, it } from 'vitest';
import { parseMountInfo } from './mount-table.js';

describe('parseMountInfo', () => {
  it('reads folder, type and source, with and without optional fields', () => {
    const text = [
      '36 35 98:0 / /mnt1 rw,noatime master:1 - ext4 /dev/loop0p1 rw',
      '37 35 0:5 / /mnt/with\\040space rw - fuse.nbdfuse nbdfuse rw',
      '',
    ].join('\n');
    expect(parseMountInfo(text)).toEqual([
      { dir: '/mnt1', fsType: 'ext4', source: '/dev/loop0p1' },
      { dir: '/mnt/with space', fsType: 'fuse.nbdfuse', source: 'nbdfuse' },
    ]);
  });
});
