import { formatTarget, parseInstant, parseVolumeRef } from '@retrace/core';
import type { Command } from 'commander';
import { mapOf, numberField } from '../client/fields.js';
import { DEFAULT_SERVER_URL } from '../client/server-url.js';
import type { Io } from '../io.js';
import { drawingColumns } from '../output/timeline/grid.js';
import { timelineText, WIDTH_MAX, WIDTH_MIN } from '../output/timeline/timeline-text.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';
import { chooseRange, parseBucketMs } from './timeline-range.js';

interface TimelineOptions extends ServerOptions {
  readonly from?: string;
  readonly to?: string;
  readonly bucket?: string;
}

const WIDTH_DEFAULT = 80;

/** Colours are for terminals, and for nobody who sets NO_COLOR (https://no-color.org). */
const hasColor = ({ columns, env }: Io): boolean =>
  columns !== undefined && !env.NO_COLOR && env.TERM !== 'dumb';

/** What hands the server on to the commands of the hints, where it is not the usual one. */
const serverSuffix = ({ server }: ServerOptions): string => {
  if (server === DEFAULT_SERVER_URL) return '';
  const isPlain = /^[\w.:/-]+$/.test(server);
  return ` --server ${isPlain ? server : `'${server.replaceAll("'", "'\\''")}'`}`;
};

const run = async (volume: string, options: TimelineOptions, io: Io): Promise<void> => {
  const name = formatTarget(parseVolumeRef(volume));
  if (options.from !== undefined) parseInstant(options.from);
  if (options.to !== undefined) parseInstant(options.to);
  if (options.bucket !== undefined) parseBucketMs(options.bucket);
  const { api, out } = await openSession(options, io);
  const width = Math.min(Math.max(io.columns ?? WIDTH_DEFAULT, WIDTH_MIN), WIDTH_MAX);
  const { query, places, earlier } = await chooseRange(api, name, {
    ...options,
    isWhole: out.json,
    columns: drawingColumns(width),
    nowMs: io.nowMs(),
  });
  const answer = await api.get('/v1/timeline', query);
  const before =
    earlier === undefined || out.json ? undefined : mapOf(await api.get('/v1/timeline', earlier));
  const map = mapOf(answer) ?? {};
  // Without --to the range goes on to the newest there is, which may have moved on since.
  const knownUs = options.to === undefined ? numberField(map, 'toUs') : places.knownUs;
  const view = {
    width,
    nowMs: io.nowMs(),
    places: { ...places, knownUs: knownUs ?? places.knownUs },
    earlier: before,
    suffix: serverSuffix(options),
    color: hasColor(io),
  };
  await out.result(answer, () => timelineText(map, view));
};

/** `retrace timeline`: what happened when. */
export const timelineCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'timeline <volume>',
      summary: 'Draw the write activity of a volume over time, with its bookmarks and gaps.',
      examples: [
        ['retrace timeline web-01/root', 'all of a short history, or the last hour'],
        ['retrace timeline web-01/root --from -10m', 'the last ten minutes'],
        ['retrace timeline web-01/root --from -7d --to -6d', 'a day of last week'],
        [
          'retrace timeline web-01/root --from -1h --to -30m --bucket 1s --json',
          'counts of each second, for a script',
        ],
      ],
      notes:
        'Times are UTC. A history longer than two hours is drawn from an hour before its end\n' +
        'unless --from says otherwise; with --json all of it is counted.\n' +
        'The drawing is as wide as the terminal, or 80 columns where there is none. Colours\n' +
        'are left out there too, and when NO_COLOR is set.',
    })
      .option('--from <instant>', 'where to begin (default: the oldest, or an hour before the end)')
      .option('--to <instant>', 'where to end (default: the newest)')
      .option('--bucket <span>', 'span of one count: 1s, 5m, 2h, 1d (default: what fits)'),
    io,
  ).action((volume: string, options: TimelineOptions) => run(volume, options, io));
