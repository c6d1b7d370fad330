import { wrapText } from '../fit.js';
import { formatAge, formatBytes, formatCount } from '../units.js';
import { axisRow } from './axis.js';
import { scaleOf, scaleText } from './bars.js';
import { bucketText, columnSums, drawingColumns, type Grid, GUTTER_COLUMNS } from './grid.js';
import { type Line, plain } from './line.js';
import {
  barRow,
  bookmarkRow,
  gapRow,
  instantRow,
  knownUsOf,
  longestQuiet,
  quietColumns,
} from './marks.js';
import { instantText, type Places, type Timeline, type TimeRange } from './model.js';

/** One row of bars, and what is said of it below the drawing. */
interface Series {
  readonly name: 'bytes' | 'records' | 'flushes';
  readonly values: readonly number[];
  readonly format: (value: number) => string;
}

const seriesOf = ({ buckets }: Timeline, grid: Grid): readonly Series[] => {
  if (buckets.length === 0) return [];
  const all: readonly Series[] = [
    { name: 'bytes', values: columnSums(grid, buckets, 'bytes'), format: formatBytes },
    { name: 'records', values: columnSums(grid, buckets, 'records'), format: formatCount },
    { name: 'flushes', values: columnSums(grid, buckets, 'flushes'), format: formatCount },
  ];
  return all.filter(({ name, values }) => name !== 'flushes' || values.some((value) => value > 0));
};

const row = (name: string, cells: string, tone?: Line['tone']): readonly Line[] => {
  if (cells.trim() === '') return [];
  const text = (name.padEnd(GUTTER_COLUMNS) + cells).trimEnd();
  return [tone === undefined ? { text } : { text, tone }];
};

const seriesText = ({ name, values, format }: Series): string => {
  const what = name === 'bytes' ? 'bytes written' : name;
  const scale = scaleOf(values);
  if (scale === undefined) return `${what}: none`;
  const sum = values.reduce((total, value) => total + value, 0);
  return `${what}: ${format(sum)} in all; ${scaleText(scale, format)} a column`;
};

const signs = (rows: readonly Line[]): string => {
  const drawn = rows.map(({ text }) => text.slice(GUTTER_COLUMNS)).join('');
  const meanings = [
    ['·', '· nothing was written'],
    ['=', '= instants can be had'],
    ['x', 'x a gap: nothing can be had in at least a part of the column'],
    ['B', 'B a bookmark (2 to 9, +: so many, or more)'],
  ] as const;
  return meanings
    .filter(([sign]) => drawn.includes(sign))
    .map(([, meaning]) => meaning)
    .join('; ');
};

const placeText = (
  what: string,
  sign: string,
  timeUs: number,
  grid: Grid,
  nowMs: number,
): string => {
  const endUs = grid.startUs + grid.columns * grid.columnUs;
  const where =
    timeUs < grid.startUs ? ', before this range' : timeUs >= endUs ? ', after this range' : sign;
  return `${what} instant: ${instantText(timeUs)} (${formatAge(timeUs, nowMs)})${where}`;
};

const placeTexts = (grid: Grid, places: Places, nowMs: number): readonly string[] => {
  const { horizonUs, latestUs } = places;
  if (horizonUs === undefined) return ['no instant can be had yet: the first copy is not complete'];
  return [
    placeText('oldest', ', at [', horizonUs, grid, nowMs),
    ...(latestUs === undefined ? [] : [placeText('newest', ', at ]', latestUs, grid, nowMs)]),
  ];
};

/** What a drawing is made of. */
export interface DrawingInput {
  readonly timeline: Timeline;
  readonly range: TimeRange;
  readonly grid: Grid;
  readonly places: Places;
  readonly width: number;
  readonly nowMs: number;
}

/** Bars, marks and the time axis, and below them what each of them means. */
export const drawing = ({
  timeline,
  range,
  grid,
  places,
  width,
  nowMs,
}: DrawingInput): readonly Line[] => {
  const { gaps, bookmarks, buckets } = timeline;
  const quiet = quietColumns(grid, columnSums(grid, buckets, 'records'), gaps, places);
  const series = seriesOf(timeline, grid);
  const instants = instantRow(grid, gaps, places);
  const rows = [
    ...series.flatMap(({ name, values }) =>
      row(name, barRow(values, scaleOf(values), quiet), 'bars'),
    ),
    ...row('instants', instants),
    ...row('gaps', gapRow(grid, gaps), 'gap'),
    ...row('bookmarks', bookmarkRow(grid, bookmarks), 'bookmark'),
    ...row('UTC', axisRow(grid, drawingColumns(width))),
  ];
  const stretch = longestQuiet(grid, quiet, Math.min(knownUsOf(places), range.toUs));
  const texts = [
    ...series.map(seriesText),
    signs(rows),
    ...(stretch === undefined
      ? []
      : [
          `longest quiet stretch: ${bucketText(stretch.toUs - stretch.fromUs)}, ` +
            `${instantText(stretch.fromUs)} to ${instantText(stretch.toUs)}`,
        ]),
    ...placeTexts(grid, places, nowMs),
    ...(instants.includes('|') ? ['| marks both, the oldest and the newest instant'] : []),
  ];
  return [...rows, plain(''), ...texts.flatMap((text) => wrapText(text, width, '  ')).map(plain)];
};
