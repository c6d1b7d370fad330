import { fitCommand, wrapText } from '../fit.js';
import { columnOf, columnStartUs, columnSums, type Grid } from './grid.js';
import { type Line, plain } from './line.js';
import { type Bucket, canBeHad, instantText, type Places, type Timeline } from './model.js';

const SECOND_US = 1e6;

const busiest = (buckets: readonly Bucket[]): Bucket | undefined =>
  buckets.reduce<Bucket | undefined>(
    (best, bucket) =>
      best === undefined ||
      bucket.bytes > best.bytes ||
      (bucket.bytes === best.bytes && bucket.records > best.records)
        ? bucket
        : best,
    undefined,
  );

/**
 * An instant of the range to begin with, and what it is: the newest bookmark, else just before
 * most was written, else the newest or the oldest. Undefined when none of them can be had.
 */
export const exampleInstant = (
  { range, buckets, bookmarks, gaps }: Timeline,
  places: Places,
): { readonly name: string; readonly what: string } | undefined => {
  if (range === undefined) return undefined;
  const isFine = (timeUs: number | undefined): timeUs is number =>
    timeUs !== undefined &&
    timeUs >= range.fromUs &&
    timeUs <= range.toUs &&
    canBeHad(timeUs, gaps, places);
  const marked = [...bookmarks]
    .sort((left, right) => right.timeUs - left.timeUs)
    .find(({ timeUs }) => isFine(timeUs));
  if (marked !== undefined) return { name: `bookmark:${marked.name}`, what: 'the newest bookmark' };
  const candidates = [
    [busiest(buckets)?.timeUs, 'before most was written'],
    [places.latestUs, 'the newest'],
    [places.horizonUs, 'the oldest'],
  ] as const;
  for (const [timeUs, what] of candidates) {
    if (isFine(timeUs)) return { name: instantText(timeUs), what };
  }
  return undefined;
};

const closerCommand = ({ volume, buckets }: Timeline, grid: Grid): string | undefined => {
  if (buckets.length === 0 || grid.columnUs <= SECOND_US) return undefined;
  const sums = columnSums(grid, buckets, 'bytes');
  const most = sums.indexOf(Math.max(...sums));
  const fromUs = Math.max(0, columnStartUs(grid, most - 1));
  const toUs = columnStartUs(grid, Math.min(most + 2, grid.columns));
  return `timeline ${volume} --from ${instantText(fromUs)} --to ${instantText(toUs)}`;
};

/** What hints are made of. */
export interface HintInput {
  readonly timeline: Timeline;
  readonly grid: Grid;
  readonly places: Places;
  /** What the commands end with, such as ` --server http://journal:7400`. */
  readonly suffix: string;
  readonly width: number;
}

/** The commands to go on with. */
export const hints = ({ timeline, grid, places, suffix, width }: HintInput): readonly Line[] => {
  const { volume } = timeline;
  const example = exampleInstant(timeline, places);
  const closer = closerCommand(timeline, grid);
  const { horizonUs } = places;
  const isPart = horizonUs !== undefined && columnOf(grid, horizonUs) < 0;
  const say = (text: string, ...commands: readonly string[]): readonly Line[] =>
    [
      ...wrapText(text, width),
      ...commands.flatMap((command) => fitCommand(`retrace ${command}${suffix}`, width)),
    ].map(plain);
  return [
    plain(''),
    ...(example === undefined
      ? say('No instant of this range is known that can be had.')
      : say(
          `Go on with any instant of this range, for example ${example.what} (mount as root):`,
          `resolve ${volume}@${example.name}`,
          `mount ${volume}@${example.name} /mnt`,
        )),
    ...(closer === undefined ? [] : say('Look closer, at the busiest column:', closer)),
    ...(isPart
      ? say('All of the history:', `timeline ${volume} --from ${instantText(horizonUs)}`)
      : []),
  ];
};
