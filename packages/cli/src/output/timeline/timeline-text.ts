import type { JsonMap } from '../../client/fields.js';
import { wrapText } from '../fit.js';
import { formatCount, formatDuration } from '../units.js';
import { drawing } from './drawing.js';
import { bucketText, drawingColumns, type Grid, gridOf } from './grid.js';
import { hints } from './hints.js';
import { joinLines, type Line, plain } from './line.js';
import { bookmarkList, bucketList, earlierList, gapList } from './lists.js';
import { instantText, type Places, readTimeline, type Timeline, type TimeRange } from './model.js';

/** A narrower terminal gets lines of this many columns. */
export const WIDTH_MIN = 40;
export const WIDTH_MAX = 250;

/** What a timeline is shown with. */
export interface TimelineView {
  /** Columns no line is longer than; WIDTH_MIN to WIDTH_MAX are kept to. */
  readonly width: number;
  readonly nowMs: number;
  readonly places: Places;
  /** Gaps and bookmarks from before the range, as the server's answer for the time before it. */
  readonly earlier?: JsonMap | undefined;
  /** What the commands of the hints end with, such as ` --server http://journal:7400`. */
  readonly suffix?: string | undefined;
  /** True for a terminal that shows colours. */
  readonly color?: boolean | undefined;
}

const spanText = (fromUs: number, toUs: number): string =>
  `${formatDuration((toUs - fromUs) / 1000)} from ${instantText(fromUs)} to ${instantText(toUs)}`;

const gridText = ({ bucketUs }: Timeline, grid: Grid): string => {
  const merged = Math.round(grid.columnUs / bucketUs);
  const many = merged === 1 ? 'a bucket' : `${merged} buckets of ${bucketText(bucketUs)}`;
  const count = grid.columns === 1 ? '1 column' : `${formatCount(grid.columns)} columns`;
  return `${count} of ${bucketText(grid.columnUs)} (${many} each); times are UTC`;
};

const title = (text: string, width: number): readonly Line[] =>
  wrapText(text, width, '  ').map((line) => ({ text: line, tone: 'title' }));

/** Gaps and bookmarks of `earlier` that are not in the range as well. */
const earlierOf = (timeline: Timeline, answer: JsonMap) => {
  const { gaps, bookmarks } = readTimeline(answer);
  const shown = new Set(timeline.gaps.map(({ fromUs }) => fromUs));
  const names = new Set(timeline.bookmarks.map(({ name }) => name));
  return {
    gaps: gaps.filter(({ fromUs }) => !shown.has(fromUs)),
    bookmarks: bookmarks.filter(({ name }) => !names.has(name)),
  };
};

const body = (
  timeline: Timeline,
  range: TimeRange,
  grid: Grid,
  view: TimelineView,
  width: number,
): readonly Line[] => {
  const { places, nowMs, suffix = '' } = view;
  const earlier = view.earlier === undefined ? undefined : earlierOf(timeline, view.earlier);
  const cut = earlier === undefined ? '' : '; this is the end of a longer history';
  return [
    ...wrapText(gridText(timeline, grid) + cut, width, '  ').map(plain),
    plain(''),
    ...drawing({ timeline, range, grid, places, width, nowMs }),
    ...gapList(timeline, width),
    ...bookmarkList(timeline, width),
    ...(earlier === undefined ? [] : earlierList(earlier.gaps, earlier.bookmarks, width)),
    ...bucketList(timeline, width),
    ...hints({ timeline, grid, places, suffix, width }),
  ];
};

/**
 * The server's timeline for people: a drawing over time, lists of what is marked in it, and the
 * commands to go on with. Depends on nothing but its arguments.
 * @param answer - of `GET /v1/timeline`
 */
export const timelineText = (answer: JsonMap, view: TimelineView): string => {
  const width = Math.min(Math.max(view.width, WIDTH_MIN), WIDTH_MAX);
  const timeline = readTimeline(answer);
  const { volume, range } = timeline;
  const grid = gridOf(timeline, drawingColumns(width));
  const lines =
    range === undefined || grid === undefined || range.toUs <= 0
      ? title(`${volume}: nothing is recorded yet.`, width)
      : [
          ...title(
            timeline.buckets.length === 0
              ? `${volume}: nothing is recorded in ${spanText(range.fromUs, range.toUs)}.`
              : `${volume}: ${spanText(range.fromUs, range.toUs)}`,
            width,
          ),
          ...body(timeline, range, grid, view, width),
        ];
  return joinLines(lines, view.color === true);
};
