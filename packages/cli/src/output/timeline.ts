import { type JsonMap, mapsField, numberField, textField } from '../client/fields.js';
import { formatTable } from './table.js';
import { formatBytes, formatCount, formatDuration, formatInstantTime } from './units.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Spans that people count in. */
const BUCKETS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR_MS),
  ...[1, 2, 7, 30].map((count) => count * DAY_MS),
];

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** The shortest usual span of which `columns` or fewer cover all of `spanMs`; at least a second. */
export const fittingBucketMs = (spanMs: number, columns: number): number => {
  // One column more may be begun at either end.
  const room = Math.max(columns - 2, 1);
  const found = BUCKETS_MS.find((bucketMs) => spanMs / bucketMs <= room);
  return found ?? Math.ceil(spanMs / room / DAY_MS) * DAY_MS;
};

/** Bars for values of 0 and more, the largest as the highest; 0 is a space. */
export const sparkline = (values: readonly number[]): string => {
  const max = Math.max(1, ...values);
  return values
    .map((value) => {
      if (value <= 0) return ' ';
      return BARS[Math.min(Math.ceil((value / max) * BARS.length), BARS.length) - 1];
    })
    .join('');
};

/** The grid a timeline is drawn on. */
interface Grid {
  readonly startUs: number;
  readonly bucketUs: number;
  readonly columns: number;
}

/** The span asked for, widened to whole buckets; undefined when nothing was written in it. */
const gridOf = (timeline: JsonMap, columnsMax: number): Grid | undefined => {
  const times = mapsField(timeline, 'buckets').flatMap((bucket) => {
    const timeUs = numberField(bucket, 'timeUs');
    return timeUs === undefined ? [] : [timeUs];
  });
  const [first] = times;
  if (first === undefined) return undefined;
  const bucketUs = (numberField(timeline, 'bucketMs') ?? SECOND_MS) * 1000;
  const fromUs = Math.min(numberField(timeline, 'fromUs') ?? first, ...times);
  const toUs = Math.max(numberField(timeline, 'toUs') ?? first, ...times);
  // The grid goes through the buckets as the server has cut them.
  const startUs = first - Math.ceil((first - fromUs) / bucketUs) * bucketUs;
  const count = Math.floor((toUs - startUs) / bucketUs) + 1;
  const merge = Math.max(1, Math.ceil(count / columnsMax));
  return { startUs, bucketUs: bucketUs * merge, columns: Math.ceil(count / merge) };
};

const columnOf = (grid: Grid, timeUs: number): number =>
  Math.floor((timeUs - grid.startUs) / grid.bucketUs);

const valuesOf = (timeline: JsonMap, grid: Grid, field: string): readonly number[] => {
  const values = new Array<number>(grid.columns).fill(0);
  for (const bucket of mapsField(timeline, 'buckets')) {
    const column = columnOf(grid, numberField(bucket, 'timeUs') ?? grid.startUs);
    if (column >= 0 && column < grid.columns) {
      values[column]! += numberField(bucket, field) ?? 0;
    }
  }
  return values;
};

/** `B` under bookmarks, `x` under gaps. */
const markLine = (timeline: JsonMap, grid: Grid): string => {
  const marks = new Array<string>(grid.columns).fill(' ');
  for (const gap of mapsField(timeline, 'gaps')) {
    const from = Math.max(0, columnOf(grid, numberField(gap, 'fromTimeUs') ?? grid.startUs));
    const to = columnOf(grid, numberField(gap, 'toTimeUs') ?? Number.MAX_SAFE_INTEGER);
    for (let column = from; column <= to && column < grid.columns; column++) marks[column] = 'x';
  }
  for (const bookmark of mapsField(timeline, 'bookmarks')) {
    const column = columnOf(grid, numberField(bookmark, 'timeUs') ?? -1);
    if (column >= 0 && column < grid.columns) marks[column] = 'B';
  }
  return marks.join('').trimEnd();
};

const heading = (
  what: string,
  values: readonly number[],
  format: (value: number) => string,
): string => {
  const sum = values.reduce((total, value) => total + value, 0);
  return `${what}, ${format(sum)} in all, at most ${format(Math.max(...values))} a column`;
};

const drawing = (timeline: JsonMap, grid: Grid, nowMs: number): readonly string[] => {
  const records = valuesOf(timeline, grid, 'records');
  const bytes = valuesOf(timeline, grid, 'bytes');
  const endUs = grid.startUs + grid.columns * grid.bucketUs;
  return [
    heading('records', records, formatCount),
    sparkline(records),
    heading('bytes', bytes, formatBytes),
    sparkline(bytes),
    markLine(timeline, grid),
    `one column is ${formatDuration(grid.bucketUs / 1000)}; B is a bookmark, x a gap`,
    `from ${formatInstantTime(grid.startUs, nowMs)}`,
    `to   ${formatInstantTime(endUs, nowMs)}`,
  ];
};

const bookmarksText = (timeline: JsonMap, nowMs: number): string => {
  const rows = mapsField(timeline, 'bookmarks').map((bookmark) => [
    textField(bookmark, 'name') ?? '-',
    `seq:${numberField(bookmark, 'seq') ?? '?'}`,
    formatInstantTime(numberField(bookmark, 'timeUs'), nowMs),
    textField(bookmark, 'consistency') ?? '-',
  ]);
  return rows.length === 0 ? '' : formatTable(['BOOKMARK', 'SEQ', 'TIME', 'CONSISTENCY'], rows);
};

const gapsText = (timeline: JsonMap, nowMs: number): string => {
  const rows = mapsField(timeline, 'gaps').map((gap) => {
    const toUs = numberField(gap, 'toTimeUs');
    return [
      `seq:${numberField(gap, 'fromSeq') ?? '?'}`,
      // Before its first copy a volume has never had an instant.
      numberField(gap, 'fromSeq') === 0
        ? 'the beginning'
        : formatInstantTime(numberField(gap, 'fromTimeUs'), nowMs),
      toUs === undefined ? 'still open' : formatInstantTime(toUs, nowMs),
      textField(gap, 'reason') ?? '-',
    ];
  });
  return rows.length === 0 ? '' : formatTable(['GAP FROM', 'TIME', 'TO', 'REASON'], rows);
};

/** The server's timeline for people. */
export const timelineText = (
  timeline: JsonMap,
  { columns, nowMs }: { readonly columns: number; readonly nowMs: number },
): string => {
  const grid = gridOf(timeline, columns);
  const volume = textField(timeline, 'volume') ?? '-';
  const activity =
    grid === undefined
      ? [`${volume}: nothing was written in that span`]
      : [volume, ...drawing(timeline, grid, nowMs)];
  return [activity.join('\n'), bookmarksText(timeline, nowMs), gapsText(timeline, nowMs)]
    .filter((part) => part !== '')
    .join('\n\n');
};
