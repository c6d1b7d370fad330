import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawingColumns, GUTTER_COLUMNS, gridOf } from './grid.js';
import { instantText, readTimeline } from './model.js';
import { timelineText, WIDTH_MAX, WIDTH_MIN } from './timeline-text.js';

const START_US = Date.UTC(2026, 10, 22, 10, 0, 0) * 1000;
const at = (second: number): number => START_US + second * 1e6;
const bucket = (second: number, writes: number, flushes = 0, trims = 0) => ({
  timeUs: at(second),
  records: writes + flushes + trims,
  bytes: writes * 4096,
  writes,
  flushes,
  trims,
});
const NOTHING = { buckets: [], bookmarks: [], gaps: [] };
const answer = (fields: object) => ({
  volume: 'web-01/root',
  fromUs: at(0),
  toUs: at(20.5),
  bucketMs: 1000,
  ...NOTHING,
  ...fields,
});
const PLACES = { horizonUs: at(2), latestUs: at(19), knownUs: at(20.5) };
const view = (fields: object = {}) => ({
  width: 64,
  nowMs: at(60) / 1000,
  places: PLACES,
  ...fields,
});

const linesOf = (timeline: object, fields: object = {}): readonly string[] =>
  timelineText(answer(timeline), view(fields)).split('\n');

describe('a timeline for people', () => {
  it('draws activity, instants, gaps and bookmarks above a time axis', () => {
    const buckets = [bucket(2, 1, 1), bucket(3, 2), bucket(4, 8, 2), bucket(15, 3), bucket(19, 4)];
    const bookmarks = [{ name: 'ok', seq: 7, timeUs: at(6.25), consistency: 'crash' }];
    const gaps = [{ fromSeq: 9, fromTimeUs: at(11), toTimeUs: at(14.5), reason: 'state-lost' }];
    expect(linesOf({ buckets, bookmarks, gaps })).toEqual([
      'web-01/root: 20 s from 2026-11-22T10:00:00Z to',
      '  2026-11-22T10:00:20.500000Z',
      '21 columns of 1 s (a bucket each); times are UTC',
      '',
      'bytes        ▁▂█······    ▃···▄·',
      'records      ▂▂█······    ▃···▄·',
      'flushes      ▄ █······     ··· ·',
      'instants     [=========  =====]=',
      'gaps                  xxxx',
      'bookmarks        B',
      'UTC        |10:00:00 |10:00:10 |10:00:20',
      '',
      'bytes written: 72 KiB in all; linear scale, █ is 32 KiB a column',
      'records: 21 in all; linear scale, █ is 10 a column',
      'flushes: 3 in all; linear scale, █ is 2 a column',
      '· nothing was written; = instants can be had; x a gap: nothing',
      '  can be had in at least a part of the column; B a bookmark (2',
      '  to 9, +: so many, or more)',
      'longest quiet stretch: 6 s, 2026-11-22T10:00:05Z to',
      '  2026-11-22T10:00:11Z',
      'oldest instant: 2026-11-22T10:00:02Z (58 s ago), at [',
      'newest instant: 2026-11-22T10:00:19Z (41 s ago), at ]',
      '',
      'Gaps (the times at their ends can be had, those between cannot):',
      'GAP FROM              UNTIL                        REASON',
      '2026-11-22T10:00:11Z  2026-11-22T10:00:14.500000Z  state-lost',
      '',
      'Bookmarks:',
      'BOOKMARK  TIME                         SEQ    CONSISTENCY',
      'ok        2026-11-22T10:00:06.250000Z  seq:7  crash',
      '',
      'Buckets of 1 s with records:',
      'FROM                   BYTES  RECORDS  WRITES  FLUSHES  TRIMS',
      '2026-11-22T10:00:02Z   4 KiB        2       1        1      0',
      '2026-11-22T10:00:03Z   8 KiB        2       2        0      0',
      '2026-11-22T10:00:04Z  32 KiB       10       8        2      0',
      '2026-11-22T10:00:15Z  12 KiB        3       3        0      0',
      '2026-11-22T10:00:19Z  16 KiB        4       4        0      0',
      '',
      'Go on with any instant of this range, for example the newest',
      'bookmark (mount as root):',
      '  retrace resolve web-01/root@bookmark:ok',
      '  retrace mount web-01/root@bookmark:ok /mnt',
    ]);
  });

  it('is a sentence when nothing was recorded, with what can be had all the same', () => {
    expect(linesOf({})).toEqual([
      'web-01/root: nothing is recorded in 20 s from',
      '  2026-11-22T10:00:00Z to 2026-11-22T10:00:20.500000Z.',
      '21 columns of 1 s (a bucket each); times are UTC',
      '',
      'instants     [================]=',
      'UTC        |10:00:00 |10:00:10 |10:00:20',
      '',
      '= instants can be had',
      'longest quiet stretch: 18 s, 2026-11-22T10:00:02Z to',
      '  2026-11-22T10:00:20.500000Z',
      'oldest instant: 2026-11-22T10:00:02Z (58 s ago), at [',
      'newest instant: 2026-11-22T10:00:19Z (41 s ago), at ]',
      '',
      'Go on with any instant of this range, for example the newest',
      '(mount as root):',
      '  retrace resolve web-01/root@2026-11-22T10:00:19Z',
      '  retrace mount web-01/root@2026-11-22T10:00:19Z /mnt',
    ]);
  });

  it('is one sentence for a volume without any record', () => {
    const nowhere = { horizonUs: undefined, latestUs: undefined, knownUs: 0 };
    const sentence = ['web-01/root: nothing is recorded yet.'];
    expect(linesOf({ fromUs: 0, toUs: 0 }, { places: nowhere })).toEqual(sentence);
    expect(timelineText({ volume: 'web-01/root' }, view())).toBe(sentence[0]);
    expect(timelineText({}, view())).toBe('-: nothing is recorded yet.');
  });

  it('says that nothing can be had before the first copy is complete', () => {
    const gaps = [{ fromSeq: 0, fromTimeUs: at(1), toTimeUs: null, reason: 'initial-sync' }];
    const places = { horizonUs: undefined, latestUs: undefined, knownUs: at(20.5) };
    const lines = linesOf({ gaps }, { places });
    expect(lines).toContain('gaps        xxxxxxxxxxxxxxxxxxxx');
    expect(lines).toContain('no instant can be had yet: the first copy is not complete');
    expect(lines).toContain('the beginning  still open  initial-sync');
    expect(lines.at(-1)).toBe('No instant of this range is known that can be had.');
    expect(lines.join('')).not.toContain('quiet');
  });

  it('shows the busiest buckets of many, and how to look closer', () => {
    const buckets = Array.from({ length: 20 }, (_, i) => ({ ...bucket(0, i === 7 ? 900 : i + 1) }));
    const spread = buckets.map((each, i) => ({ ...each, timeUs: at(i * 60) }));
    const range = { toUs: at(1200), bucketMs: 60_000, buckets: spread };
    const lines = linesOf(range, { places: { ...PLACES, latestUs: at(1199), knownUs: at(1200) } });
    const start = lines.indexOf('The 10 busiest of 20 buckets of 1 min with records, by bytes');
    expect(start).toBeGreaterThan(0);
    expect(lines.slice(start + 2, start + 5)).toEqual([
      'FROM                     BYTES  RECORDS  WRITES  FLUSHES  TRIMS',
      '2026-11-22T10:07:00Z  3.52 MiB      900     900        0      0',
      '2026-11-22T10:19:00Z    80 KiB       20      20        0      0',
    ]);
    expect(lines.slice(-7)).toEqual([
      'Go on with any instant of this range, for example before most',
      'was written (mount as root):',
      '  retrace resolve web-01/root@2026-11-22T10:07:00Z',
      '  retrace mount web-01/root@2026-11-22T10:07:00Z /mnt',
      'Look closer, at the busiest column:',
      '  retrace timeline web-01/root --from 2026-11-22T10:06:00Z \\',
      '    --to 2026-11-22T10:09:00Z',
    ]);
  });

  it('shows the bucket with most trims among the busiest', () => {
    const table = (trims: number) => {
      const wipe = { ...bucket(3, 0, 0, trims) };
      const buckets = [...Array.from({ length: 12 }, (_, i) => bucket(i + 4, 9)), wipe];
      const lines = linesOf({ buckets });
      return lines.filter((line) => /^2026-\S+ +\d+ (bytes|KiB)/.test(line));
    };
    expect(table(2)).toHaveLength(10);
    expect(table(2).at(-1)).toMatch(/^2026-11-22T10:00:03Z +0 bytes .* 2$/);
    expect(table(0).at(-1)).toMatch(/^2026-11-22T10:00:13Z/);
  });

  it('never proposes an instant that lies in a gap', () => {
    const example = (gapFrom: number, gapTo: number): string | undefined =>
      linesOf({
        buckets: [bucket(5, 1), bucket(8, 50), bucket(12, 2)],
        bookmarks: [{ name: 'lost', seq: 3, timeUs: at(9), consistency: 'crash' }],
        gaps: [{ fromSeq: 2, fromTimeUs: at(gapFrom), toTimeUs: at(gapTo), reason: 'why' }],
      }).find((line) => line.includes('resolve'));
    expect(example(8, 10)).toContain('root@2026-11-22T10:00:08Z');
    expect(example(7, 10)).toContain('root@2026-11-22T10:00:19Z');
    expect(example(7, 20)).toContain('root@2026-11-22T10:00:02Z');
    expect(example(1, 21)).toBeUndefined();
  });

  it('tells of what lies before a range that nobody asked for', () => {
    const gap = (second: number, reason: string) => ({
      fromSeq: 5,
      fromTimeUs: at(second),
      toTimeUs: at(second + 5),
      reason,
    });
    const earlier = {
      gaps: [gap(-3000, 'unclean-stop'), gap(-2, 'corruption')],
      bookmarks: Array.from({ length: 6 }, (_, i) => ({ name: `b${i}`, timeUs: at(i - 900) })),
    };
    const places = { ...PLACES, horizonUs: at(-7200) };
    const text = linesOf(
      { gaps: [gap(-2, 'corruption')] },
      { places, earlier, suffix: ' --server http://journal:7400' },
    ).join('\n');
    expect(text).toContain('; this is the\n  end of a longer history\n');
    expect(text).toContain('oldest instant: 2026-11-22T08:00:00Z (2 h 1 min ago), before\n');
    expect(text).toContain('Before this range: 1 gap and 6 bookmarks, the newest 5 of each:');
    expect(text.match(/corruption/g)).toHaveLength(1);
    expect(text).toMatch(/^2026-11-22T09:10:00Z.*unclean-stop$/m);
    expect(text).not.toMatch(/^b0/m);
    expect(text).toMatch(/^b1 .*\n(b[2-5] .*\n){4}/m);
    expect(text).toMatch(/All of the history:\n.* --from 2026-11-22T08:00:00Z \\\n {4}--server/);
  });

  it('merges buckets where there are more than columns', () => {
    const range = { toUs: at(199), buckets: [bucket(0, 1), bucket(3, 1), bucket(4, 8)] };
    const lines = linesOf(range);
    expect(lines[2]).toMatch(/^50 columns of 4 s \(4 buckets of 1 s each\); times are UTC/);
    expect(lines.find((line) => line.startsWith('bytes '))).toMatch(/^bytes {6}▂█/);
  });

  it('is coloured by whole lines, only when asked to be', () => {
    const gaps = [{ fromSeq: 9, fromTimeUs: at(11), toTimeUs: at(14.5), reason: 'state-lost' }];
    const text = linesOf({ gaps }).join('\n');
    const colored = linesOf({ gaps }, { color: true }).join('\n');
    expect(colored).toContain('\u001b[31mgaps                  xxxx\u001b[0m\n');
    expect(stripVTControlCharacters(colored)).toBe(text);
    expect(text).not.toContain('\u001b');
  });
});

/** Answers as the server gives them, whatever is in them. */
const answers = fc
  .record({
    fromUs: fc.integer({ min: 1.6e15, max: 1.9e15 }),
    spanUs: fc.oneof(fc.integer({ min: 0, max: 1e8 }), fc.integer({ min: 0, max: 3e13 })),
    bucketMs: fc.constantFrom(1000, 5000, 60_000, 86_400_000),
    name: fc.string({ unit: fc.constantFrom(...'ab-0'), minLength: 1, maxLength: 63 }),
    counts: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2 ** 40))),
    marks: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30, size: 'max' }),
    gaps: fc.array(fc.double({ min: -0.2, max: 1, noNaN: true }), { maxLength: 8 }),
    horizon: fc.double({ min: -1, max: 1, noNaN: true }),
  })
  .map(({ fromUs, spanUs, bucketMs, name, counts, marks, gaps, horizon }) => {
    const inRange = (share: number): number => Math.round(fromUs + spanUs * share);
    const startUs = Math.floor(fromUs / 1e6) * 1e6;
    const bucketUs = bucketMs * 1000;
    const toUs = fromUs + spanUs;
    const ends = gaps.map(inRange).sort((left, right) => left - right);
    return {
      places: { horizonUs: inRange(horizon), latestUs: toUs, knownUs: toUs },
      answer: {
        volume: `web-01/${name}`,
        ...{ fromUs, toUs, bucketMs },
        buckets: counts.map(([share, bytes]) => ({
          timeUs: startUs + Math.floor((inRange(share) - startUs) / bucketUs) * bucketUs,
          ...{ records: 1 + (bytes % 7), bytes, writes: 1, flushes: bytes % 3, trims: 0 },
        })),
        bookmarks: marks.map((share, index) => ({
          // No name is a part of another.
          name: `${name.slice(0, 60)}${index}x`,
          seq: index,
          timeUs: inRange(share),
          consistency: 'application',
        })),
        // Pairs of ends, the last one without a second is open.
        gaps: ends.flatMap((end, index) =>
          index % 2 === 1
            ? []
            : [
                {
                  fromSeq: index,
                  fromTimeUs: end,
                  toTimeUs: ends[index + 1] ?? null,
                  reason: 'changed-while-stopped',
                },
              ],
        ),
      },
    };
  });

type Answered = typeof answers extends fc.Arbitrary<infer T> ? T : never;

const widths = fc.integer({ min: 1, max: 300 });
const withoutSpace = (text: string): string => text.replace(/\s+/g, '');

describe('whatever the server answers', () => {
  const draw = ({ answer, places }: Answered, width: number): string =>
    timelineText(answer, { width, nowMs: at(0) / 1000, places });

  it('no line is wider than the terminal', () => {
    fc.assert(
      fc.property(answers, widths, (some, width) => {
        const limit = Math.min(Math.max(width, WIDTH_MIN), WIDTH_MAX);
        for (const line of draw(some, width).split('\n')) {
          expect([...line].length, line).toBeLessThanOrEqual(limit);
          expect(line, 'trailing space').not.toMatch(/ $/);
        }
      }),
    );
  });

  it('every gap and bookmark is drawn and listed', () => {
    fc.assert(
      fc.property(answers, widths, (some, width) => {
        const text = draw(some, width);
        const joined = withoutSpace(text);
        const lines = text.split('\n');
        const cells = (name: string): readonly string[] => [
          ...(lines.find((line) => line.startsWith(name.padEnd(GUTTER_COLUMNS))) ?? '').slice(
            GUTTER_COLUMNS,
          ),
        ];
        const columns = drawingColumns(Math.min(Math.max(width, WIDTH_MIN), WIDTH_MAX));
        const grid = gridOf(readTimeline(some.answer), columns);
        if (grid === undefined) throw new Error('no grid');
        const cellAt = (row: readonly string[], timeUs: number): string | undefined =>
          row[Math.floor((timeUs - grid.startUs) / grid.columnUs)];
        for (const { name, timeUs } of some.answer.bookmarks) {
          expect(joined).toContain(name);
          expect(joined).toContain(instantText(timeUs));
          expect(cellAt(cells('bookmarks'), timeUs)).toMatch(/[B2-9+]/);
        }
        for (const gap of some.answer.gaps) {
          const { fromSeq, fromTimeUs, toTimeUs, reason } = gap;
          expect(joined).toContain(reason);
          if (fromSeq !== 0) expect(joined).toContain(instantText(fromTimeUs));
          if (toTimeUs !== null) expect(joined).toContain(instantText(toTimeUs));
          const firstUs = Math.max(fromTimeUs, grid.startUs);
          const isInRange = (toTimeUs ?? Number.POSITIVE_INFINITY) > firstUs;
          if (isInRange) expect(cellAt(cells('gaps'), firstUs)).toBe('x');
        }
      }),
    );
  });
});
