import { describe, expect, it } from 'vitest';
import type { Grid } from './grid.js';
import { bookmarkRow, gapRow, instantRow, longestQuiet, quietColumns } from './marks.js';
import { canBeHad, type Gap } from './model.js';

/** Ten columns of ten microseconds from 1000. */
const GRID: Grid = { startUs: 1000, columnUs: 10, columns: 10 };
const gap = (fromUs: number, toUs: number, hasBefore = true): Gap => ({
  hasBefore,
  fromUs,
  toUs,
  reason: 'state-lost',
});
const places = (horizonUs: number | undefined, latestUs: number, knownUs: number) => ({
  horizonUs,
  latestUs,
  knownUs,
});
const mark = (timeUs: number) => ({ name: 'a', seq: 1, timeUs, consistency: 'crash' });

describe('marks below the bars', () => {
  it('show each column a gap touches, and only those', () => {
    expect(gapRow(GRID, [gap(1015, 1035)])).toBe(' xxx      ');
    expect(gapRow(GRID, [gap(1010, 1020)])).toBe(' x        ');
    expect(gapRow(GRID, [gap(1013, 1014), gap(1090, Number.POSITIVE_INFINITY)])).toBe(' x       x');
    expect(gapRow(GRID, [gap(0, 1000), gap(500, 500)])).toBe('          ');
    expect(gapRow(GRID, [gap(0, 1001)])).toBe('x         ');
  });

  it('count the bookmarks of a column', () => {
    const many = (count: number, timeUs: number) => Array.from({ length: count }, () => timeUs);
    const times = [1000, ...many(2, 1029), ...many(9, 1050), ...many(10, 1099), 999, 1100];
    expect(bookmarkRow(GRID, times.map(mark))).toBe('B 2  9   +');
  });

  it('show where instants can be had', () => {
    expect(instantRow(GRID, [], places(1025, 1065, 1085))).toBe('  [===]== ');
    expect(instantRow(GRID, [], places(10, 1065, 1099))).toBe('======]===');
    expect(instantRow(GRID, [], places(1025, 1029, 1029))).toBe('  |       ');
    // The last instant before a gap lies in the column where it begins.
    expect(instantRow(GRID, [gap(1030, 1060)], places(10, 2000, 2000))).toBe('====  ====');
    expect(instantRow(GRID, [gap(1029, 1060)], places(10, 2000, 2000))).toBe('===   ====');
    expect(instantRow(GRID, [gap(1045, Number.POSITIVE_INFINITY)], places(10, 1045, 1099))).toBe(
      '====]     ',
    );
    expect(instantRow(GRID, [], places(undefined, 1065, 1085))).toBe('');
  });

  it('call quiet what is known to be', () => {
    const records = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0];
    const quiet = (gaps: readonly Gap[], horizonUs: number | undefined, knownUs: number) =>
      quietColumns(GRID, records, gaps, places(horizonUs, knownUs, knownUs))
        .map((isQuiet) => (isQuiet ? '.' : ' '))
        .join('');
    expect(quiet([], 10, 2000)).toBe(' ... .....');
    expect(quiet([gap(1055, 1056)], 1020, 1085)).toBe('  ..  ... ');
    expect(quiet([], undefined, 2000)).toBe('          ');
  });

  it('find the longest quiet stretch', () => {
    const runs = (text: string) => [...text].map((char) => char === '.');
    expect(longestQuiet(GRID, runs(' ..   ...x'), 2000)).toEqual({ fromUs: 1060, toUs: 1090 });
    expect(longestQuiet(GRID, runs(' ..     ..'), 1095)).toEqual({ fromUs: 1010, toUs: 1030 });
    expect(longestQuiet(GRID, runs('         .'), 1095)).toEqual({ fromUs: 1090, toUs: 1095 });
    expect(longestQuiet(GRID, runs('          '), 2000)).toBeUndefined();
  });
});

describe('an instant', () => {
  it('can be had from the horizon on, at both ends of a gap, and as far as is known', () => {
    const had = (timeUs: number) => canBeHad(timeUs, [gap(1030, 1060)], places(1010, 1070, 1080));
    expect([1009, 1010, 1030, 1031, 1059, 1060, 1080, 1081].map(had)).toEqual([
      ...[false, true, true, false],
      ...[false, true, true, false],
    ]);
    expect(canBeHad(5, [], places(undefined, 9, 9))).toBe(false);
  });
});
