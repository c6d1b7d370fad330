import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  CachedReader,
  clockRealtime,
  limitMallocArenas,
  punchHole,
  SystemCallError,
  seekData,
  seekHole,
  tryLockExclusive,
  zeroRange,
} from './posix.js';

const folder = mkdtempSync(join(tmpdir(), 'retrace-posix-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MIB = 1 << 20;

const fileOf = (name: string): { fd: number; path: string } => {
  const path = join(folder, name);
  const fd = openSync(path, 'w+');
  writeSync(fd, Buffer.alloc(4 * MIB, 0x5a));
  return { fd, path };
};

describe('system calls', () => {
  it('reads the wall clock in microseconds', () => {
    const before = Date.now() * 1000;
    const now = clockRealtime();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThan((Date.now() + 1) * 1000);
  });

  it('punches holes that read as zeros and are found again', () => {
    const { fd, path } = fileOf('holes');
    punchHole(fd, MIB, MIB);
    const bytes = readFileSync(path);
    expect(bytes.length).toBe(4 * MIB);
    expect(bytes.subarray(MIB, 2 * MIB).every((byte) => byte === 0)).toBe(true);
    expect(bytes[MIB - 1]).toBe(0x5a);
    expect(bytes[2 * MIB]).toBe(0x5a);
    expect(seekHole(fd, 0)).toBe(MIB);
    expect(seekData(fd, MIB)).toBe(2 * MIB);
    ftruncateSync(fd, 6 * MIB);
    expect(seekData(fd, 5 * MIB)).toBeUndefined();
    closeSync(fd);
  });

  it('zeroes a range without changing the size', () => {
    const { fd, path } = fileOf('zeroes');
    zeroRange(fd, 100, 5000);
    const bytes = readFileSync(path);
    expect(bytes.subarray(100, 5100).every((byte) => byte === 0)).toBe(true);
    expect(bytes[99]).toBe(0x5a);
    expect(fstatSync(fd).size).toBe(4 * MIB);
    closeSync(fd);
  });

  it('reads what the page cache holds, and says when it cannot', () => {
    const { fd } = fileOf('cached');
    const reader = new CachedReader(MIB);
    expect(reader.tryRead(fd, MIB, 4096)).toBe(true);
    expect(reader.scratch.subarray(0, 4096).every((byte) => byte === 0x5a)).toBe(true);
    expect(reader.tryRead(fd, 4 * MIB - 10, 4096)).toBe(false);
    closeSync(fd);
  });

  it('locks a file once', () => {
    const path = join(folder, 'lock');
    const first = openSync(path, 'w');
    const second = openSync(path, 'w');
    expect(tryLockExclusive(first)).toBe(true);
    expect(tryLockExclusive(second)).toBe(false);
    closeSync(first);
    expect(tryLockExclusive(second)).toBe(true);
    closeSync(second);
  });

  it('names the call and the errno of a failure', () => {
    const fd = openSync(join(folder, 'lock'), 'r');
    expect(() => punchHole(fd, 0, 4096)).toThrow(SystemCallError);
    expect(() => punchHole(fd, 0, 4096)).toThrow(/fallocate\(PUNCH_HOLE\) failed: EBADF/);
    closeSync(fd);
  });
});

it('bounds the arenas of malloc', () => {
  expect(limitMallocArenas(2)).toBe(true);
});
