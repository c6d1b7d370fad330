import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisRow } from './axis.js';
import { columnOf, drawingColumns, fittingBucketMs, gridOf, USUAL_SPANS_MS } from './grid.js';
import { readTimeline } from './model.js';

const DAY_MS = 86_400_000;
const at = (text: string): number => Date.parse(text) * 1000;

describe('the columns of a timeline', () => {
  it.each([
    [0, 69, 1000],
    [67_000, 69, 1000],
    [68_000, 69, 2000],
    [3_600_000, 69, 60_000],
    [DAY_MS, 69, 30 * 60_000],
    [10_000 * DAY_MS, 69, 150 * DAY_MS],
    [10_000, 1, 10_000],
  ])('cover %d ms in %d columns with buckets of %d ms', (spanMs, columns, bucketMs) => {
    expect(fittingBucketMs(spanMs, columns)).toBe(bucketMs);
  });

  it('are never more than there are, and hold the whole range', () => {
    const spans = fc.record({
      fromUs: fc.integer({ min: 1e15, max: 2e15 }),
      spanUs: fc.integer({ min: 0, max: 4e14 }),
      width: fc.integer({ min: 40, max: 250 }),
      bucketMs: fc.option(fc.constantFrom(...USUAL_SPANS_MS), { nil: undefined }),
    });
    fc.assert(
      fc.property(spans, ({ fromUs, spanUs, width, bucketMs }) => {
        const columns = drawingColumns(width);
        const fitting = fittingBucketMs(spanUs / 1000, columns);
        const toUs = fromUs + spanUs;
        const answer = { fromUs, toUs, bucketMs: bucketMs ?? fitting };
        const grid = gridOf(readTimeline(answer), columns);
        if (grid === undefined) throw new Error('no grid');
        expect(grid.columns).toBeLessThanOrEqual(columns);
        expect(columnOf(grid, fromUs)).toBe(0);
        expect(columnOf(grid, toUs)).toBeLessThan(grid.columns);
        // What is chosen by itself needs no merging.
        if (bucketMs === undefined) expect(grid.columnUs).toBe(fitting * 1000);
      }),
    );
  });
});

describe('the time axis', () => {
  const axis = (from: string, columnUs: number, columns: number) =>
    axisRow({ startUs: at(from), columnUs, columns }, 69);

  it('marks round times below the columns they lie in', () => {
    expect(axis('2026-11-22T09:41:07Z', 60e6, 60)).toBe(
      '        |09:50    |10:00    |10:10    |10:20    |10:30    |10:40',
    );
  });

  it('has seconds where columns are short', () => {
    expect(axis('2026-11-22T09:41:07Z', 1e6, 20)).toBe('   |09:41:10 |09:41:20');
  });

  it('names the day at midnight, and days alone where columns are long', () => {
    expect(axis('2026-11-22T22:30:00Z', 300e6, 42)).toBe('      |23:00      |11-23      |01:00');
    expect(axis('2026-11-20T00:00:00Z', 3600e6, 60)).toBe(
      '|11-20  |08:00  |16:00  |11-21  |08:00  |16:00  |11-22  |08:00',
    );
    expect(axis('2026-01-01T00:00:00Z', 30 * 86_400e6, 24)).toBe('  |2026-03-08 |2027-03-03');
  });

  it('says where it begins when no round time lies in it', () => {
    expect(axis('2026-11-22T09:41:02Z', 1e6, 3)).toBe('|09:41:02');
    expect(axis('2026-11-22T09:41:02Z', 60e6, 3)).toBe('|09:41');
    expect(axis('2026-11-22T09:41:02Z', 86_400e6, 1)).toBe('|11-22');
  });

  it('leaves out a label that does not fit', () => {
    expect(axisRow({ startUs: at('2026-11-22T09:41:00Z'), columnUs: 1e6, columns: 29 }, 29)).toBe(
      '|09:41:00 |09:41:10 |09:41:20',
    );
    expect(axisRow({ startUs: at('2026-11-22T09:41:00Z'), columnUs: 1e6, columns: 28 }, 28)).toBe(
      '|09:41:00 |09:41:10 |',
    );
  });
});
