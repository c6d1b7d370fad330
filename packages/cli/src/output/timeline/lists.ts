import { fitTable, wrapText } from '../fit.js';
import { formatBytes, formatCount } from '../units.js';
import { bucketText } from './grid.js';
import { type Line, plain } from './line.js';
import { type Bookmark, type Bucket, type Gap, instantText, type Timeline } from './model.js';

/** As many buckets are shown one by one. */
const BUCKETS_SHOWN_MAX = 10;
/** So many gaps, and so many bookmarks, from before the range are shown. */
const EARLIER_SHOWN_MAX = 5;

const section = (title: string, width: number, lines: readonly Line[]): readonly Line[] => [
  plain(''),
  ...wrapText(title, width).map(plain),
  ...lines,
];

const gapLines = (gaps: readonly Gap[], width: number): readonly Line[] =>
  fitTable(
    ['GAP FROM', 'UNTIL', 'REASON'],
    gaps.map(({ hasBefore, fromUs, toUs, reason }) => [
      hasBefore ? instantText(fromUs) : 'the beginning',
      Number.isFinite(toUs) ? instantText(toUs) : 'still open',
      reason,
    ]),
    width,
  ).map((text) => ({ text, tone: 'gap' }));

const bookmarkLines = (bookmarks: readonly Bookmark[], width: number): readonly Line[] =>
  fitTable(
    ['BOOKMARK', 'TIME', 'SEQ', 'CONSISTENCY'],
    bookmarks.map(({ name, timeUs, seq, consistency }) => [
      name,
      instantText(timeUs),
      seq === undefined ? '-' : `seq:${seq}`,
      consistency,
    ]),
    width,
  ).map((text) => ({ text, tone: 'bookmark' }));

/** All gaps of the range, with their reasons. */
export const gapList = ({ gaps }: Timeline, width: number): readonly Line[] => {
  if (gaps.length === 0) return [];
  const ends = gaps.some(({ hasBefore, toUs }) => hasBefore || Number.isFinite(toUs));
  const title = ends ? 'Gaps (the times at their ends can be had, those between cannot):' : 'Gaps:';
  return section(title, width, gapLines(gaps, width));
};

/** All bookmarks of the range. */
export const bookmarkList = ({ bookmarks }: Timeline, width: number): readonly Line[] =>
  bookmarks.length === 0 ? [] : section('Bookmarks:', width, bookmarkLines(bookmarks, width));

const some = (count: number, what: string): readonly string[] =>
  count === 0 ? [] : [`${formatCount(count)} ${what}${count === 1 ? '' : 's'}`];

/** The newest gaps and bookmarks from before the range, and how many there are. */
export const earlierList = (
  gaps: readonly Gap[],
  bookmarks: readonly Bookmark[],
  width: number,
): readonly Line[] => {
  const counts = [...some(gaps.length, 'gap'), ...some(bookmarks.length, 'bookmark')];
  if (counts.length === 0) return [];
  const isCut = gaps.length > EARLIER_SHOWN_MAX || bookmarks.length > EARLIER_SHOWN_MAX;
  const newest = isCut ? `, the newest ${EARLIER_SHOWN_MAX} of each` : '';
  return section(`Before this range: ${counts.join(' and ')}${newest}:`, width, [
    ...(gaps.length === 0 ? [] : gapLines(gaps.slice(-EARLIER_SHOWN_MAX), width)),
    ...(bookmarks.length === 0 ? [] : bookmarkLines(bookmarks.slice(-EARLIER_SHOWN_MAX), width)),
  ]);
};

const busiestFirst = (left: Bucket, right: Bucket): number =>
  right.bytes - left.bytes || right.records - left.records || left.timeUs - right.timeUs;

const alignRight = (rows: readonly (readonly string[])[]): readonly (readonly string[])[] => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell : cell.padStart(widths[column] ?? 0))),
  );
};

/** The busiest, and in the last place the one with most trims: a wiped disk writes no bytes. */
const busiest = (buckets: readonly Bucket[]): readonly Bucket[] => {
  const shown = [...buckets].sort(busiestFirst).slice(0, BUCKETS_SHOWN_MAX);
  const trimmed = buckets.reduce((most, each) => (each.trims > most.trims ? each : most));
  return trimmed.trims === 0 || shown.some(({ trims }) => trims === trimmed.trims)
    ? shown
    : [...shown.slice(0, -1), trimmed];
};

/** Each bucket when they are few, else the busiest by bytes written. */
export const bucketList = ({ buckets, bucketUs }: Timeline, width: number): readonly Line[] => {
  if (buckets.length === 0) return [];
  const isCut = buckets.length > BUCKETS_SHOWN_MAX;
  const shown = isCut ? busiest(buckets) : buckets;
  const rows = shown.map(({ timeUs, bytes, records, writes, flushes, trims }) => [
    instantText(timeUs),
    formatBytes(bytes),
    ...[records, writes, flushes, trims].map(formatCount),
  ]);
  const span = bucketText(bucketUs);
  const count = formatCount(buckets.length);
  const title = isCut
    ? `The ${shown.length} busiest of ${count} buckets of ${span} with records, by bytes written:`
    : `Buckets of ${span} with records:`;
  const heading = ['FROM', 'BYTES', 'RECORDS', 'WRITES', 'FLUSHES', 'TRIMS'];
  const [aligned = heading, ...cells] = alignRight([heading, ...rows]);
  return section(title, width, fitTable(aligned, cells, width).map(plain));
};
