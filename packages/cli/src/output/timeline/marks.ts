import { barOf, type Scale } from './bars.js';
import { columnOf, columnStartUs, type Grid } from './grid.js';
import type { Bookmark, Gap, Places } from './model.js';

const BLANK = ' ';
/** Above this many bookmarks in one column the mark is `+`. */
const DIGIT_MAX = 9;

/** What is drawn for one column: from `startUs` up to `endUs`, which is the next one's. */
interface Column {
  readonly startUs: number;
  readonly endUs: number;
}

const columnsOf = (grid: Grid): readonly Column[] =>
  Array.from({ length: grid.columns }, (_, column) => ({
    startUs: columnStartUs(grid, column),
    endUs: columnStartUs(grid, column + 1),
  }));

const touches = (gap: Gap, { startUs, endUs }: Column): boolean =>
  gap.fromUs < endUs && gap.toUs > startUs && gap.toUs > gap.fromUs;

const covers = (gap: Gap, { startUs, endUs }: Column, knownUs: number): boolean =>
  (gap.fromUs < startUs || (!gap.hasBefore && gap.fromUs <= startUs)) &&
  gap.toUs >= Math.min(endUs, knownUs);

/** Up to where it is known what was written. */
export const knownUsOf = ({ knownUs, latestUs }: Places): number =>
  knownUs ?? latestUs ?? Number.POSITIVE_INFINITY;

/** `x` below every column in which, or in a part of which, nothing can be had. */
export const gapRow = (grid: Grid, gaps: readonly Gap[]): string =>
  columnsOf(grid)
    .map((column) => (gaps.some((gap) => touches(gap, column)) ? 'x' : BLANK))
    .join('');

/** `B` below bookmarks; a number where several share a column, `+` where more than nine do. */
export const bookmarkRow = (grid: Grid, bookmarks: readonly Bookmark[]): string => {
  const counts = new Array<number>(grid.columns).fill(0);
  for (const { timeUs } of bookmarks) {
    const column = columnOf(grid, timeUs);
    if (column >= 0 && column < grid.columns) counts[column] = (counts[column] ?? 0) + 1;
  }
  return counts
    .map((count) => {
      if (count === 0) return BLANK;
      if (count === 1) return 'B';
      return count > DIGIT_MAX ? '+' : String(count);
    })
    .join('');
};

/**
 * `=` where the volume has instants, `[` at the oldest, `]` at the newest, `|` where both are in
 * one column. Empty for a volume that has no instant yet.
 */
export const instantRow = (grid: Grid, gaps: readonly Gap[], places: Places): string => {
  const { horizonUs, latestUs } = places;
  if (horizonUs === undefined) return '';
  const knownUs = knownUsOf(places);
  const oldest = columnOf(grid, horizonUs);
  const newest = latestUs === undefined ? undefined : columnOf(grid, latestUs);
  return columnsOf(grid)
    .map((column, index) => {
      if (index === oldest) return index === newest ? '|' : '[';
      if (index === newest) return ']';
      const isOutside = column.endUs <= horizonUs || column.startUs > knownUs;
      if (isOutside || gaps.some((gap) => covers(gap, column, knownUs))) return BLANK;
      return '=';
    })
    .join('');
};

/**
 * Columns of which it is known that nothing was recorded in them: not those in gaps, before the
 * oldest instant or after what is stored.
 */
export const quietColumns = (
  grid: Grid,
  records: readonly number[],
  gaps: readonly Gap[],
  places: Places,
): readonly boolean[] => {
  const { horizonUs } = places;
  const knownUs = knownUsOf(places);
  return columnsOf(grid).map((column, index) => {
    if ((records[index] ?? 0) > 0 || horizonUs === undefined) return false;
    if (column.startUs < horizonUs || column.startUs > knownUs) return false;
    return !gaps.some((gap) => touches(gap, column));
  });
};

/** Bars, `·` in quiet columns, a space where nothing is known. */
export const barRow = (
  values: readonly number[],
  scale: Scale | undefined,
  quiet: readonly boolean[],
): string =>
  values
    .map((value, index) => {
      if (value > 0 && scale !== undefined) return barOf(scale, value);
      return quiet[index] === true ? '·' : BLANK;
    })
    .join('');

/**
 * The longest run of quiet columns, the first of equals; undefined when there is none.
 * @param untilUs - the end of what is known, in the last column
 */
export const longestQuiet = (
  grid: Grid,
  quiet: readonly boolean[],
  untilUs: number,
): { readonly fromUs: number; readonly toUs: number } | undefined => {
  let best = { fromUs: 0, toUs: 0 };
  let fromUs = grid.startUs;
  quiet.forEach((isQuiet, column) => {
    const toUs = Math.min(columnStartUs(grid, column + 1), untilUs);
    if (!isQuiet) fromUs = columnStartUs(grid, column + 1);
    else if (toUs - fromUs > best.toUs - best.fromUs) best = { fromUs, toUs };
  });
  return best.toUs === best.fromUs ? undefined : best;
};
