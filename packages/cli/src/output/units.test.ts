import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatCount, formatDuration, formatInstantTime } from './units.js';

describe('units for people', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [1536, '1.50 KiB'],
    [64 * 1024 ** 2, '64 MiB'],
    [1024 ** 5 * 2048, '2048 PiB'],
    [undefined, '-'],
  ])('shows %s bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0 ms'],
    [17.6, '18 ms'],
    [1234, '1.2 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [307_000, '5 min 7 s'],
    [86_400_000 * 3 + 3_600_000 * 4, '3 d 4 h'],
    [-1500, '-1.5 s'],
    [undefined, '-'],
  ])('shows %s ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('shows ages, also of what is ahead', () => {
    expect(formatAge(1_000_000, 4000)).toBe('3.0 s ago');
    expect(formatAge(1_000_500, 1000)).toBe('0 ms ago');
    expect(formatAge(9_000_000, 1000)).toBe('in 8.0 s');
  });

  it('shows times with their zone, as instants that can be copied', () => {
    expect(formatInstantTime(1_700_000_000_123_456, 1_700_000_060_123)).toBe(
      '2023-11-14T22:13:20.123456Z (59 s ago)',
    );
    expect(formatInstantTime(undefined, 0)).toBe('-');
  });

  it('groups digits', () => {
    expect(formatCount(1_234_567)).toBe('1 234 567');
    expect(formatCount(12)).toBe('12');
  });
});
