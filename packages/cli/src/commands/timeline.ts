import {
  formatTarget,
  formatTime,
  parseInstant,
  parseVolumeRef,
  RetraceError,
} from '@retrace/core';
import type { Command } from 'commander';
import type { ApiClient } from '../client/api-client.js';
import { type JsonMap, mapOf, mapsOf, numberField } from '../client/fields.js';
import type { Io } from '../io.js';
import { fittingBucketMs, timelineText } from '../output/timeline.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';
import { placeTime } from './volumes.js';

interface TimelineOptions extends ServerOptions {
  readonly from?: string;
  readonly to?: string;
  readonly bucket?: string;
}

const COLUMNS_DEFAULT = 80;
const COLUMNS_MAX = 160;

/** The time an instant stands for, near enough to choose how wide a bucket is. */
const timeOf = async (
  api: ApiClient,
  volume: string,
  text: string,
  nowUs: number,
): Promise<number | undefined> => {
  const { instant } = parseInstant(text);
  if (instant.kind === 'time' || instant.kind === 'arrival') return instant.timeUs;
  if (instant.kind === 'ago') return nowUs - instant.us;
  const answer = await api.get('/v1/resolve', { target: `${volume}@${text}` });
  return numberField(mapOf(answer), 'timeUs');
};

const parseBucket = (text: string): number => {
  const match = /^(\d{1,9})(s|m|h|d)$/.exec(text);
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const ms = match === null ? 0 : Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
  if (ms > 0) return ms;
  throw new RetraceError('USAGE', `--bucket "${text}" is not a span: write 1s, 5m, 2h or 1d`);
};

/** What is asked of the server: all of the history, in counts that fit the terminal. */
const queryOf = async (
  api: ApiClient,
  volume: string,
  options: TimelineOptions,
  io: Io,
  columns: number,
) => {
  const nowUs = io.nowMs() * 1000;
  const [facts = {}] = mapsOf(await api.get('/v1/volumes', { volume }));
  const oldestUs = placeTime(facts, 'horizon');
  const { from = oldestUs === undefined ? undefined : formatTime(oldestUs), to } = options;
  const toUs = to === undefined ? nowUs : await timeOf(api, volume, to, nowUs);
  const fromUs = from === undefined ? toUs : await timeOf(api, volume, from, nowUs);
  const spanMs = ((toUs ?? nowUs) - (fromUs ?? nowUs)) / 1000;
  const { bucket } = options;
  const bucketMs = bucket === undefined ? fittingBucketMs(spanMs, columns) : parseBucket(bucket);
  return { volume, from, to, bucketMs: String(bucketMs) };
};

const run = async (volume: string, options: TimelineOptions, io: Io): Promise<void> => {
  const name = formatTarget(parseVolumeRef(volume));
  if (options.from !== undefined) parseInstant(options.from);
  if (options.to !== undefined) parseInstant(options.to);
  if (options.bucket !== undefined) parseBucket(options.bucket);
  const { api, out } = await openSession(options, io);
  const columns = Math.min(io.columns ?? COLUMNS_DEFAULT, COLUMNS_MAX);
  const query = await queryOf(api, name, options, io, columns);
  const answer = await api.get('/v1/timeline', query);
  const map: JsonMap = mapOf(answer) ?? {};
  await out.result(answer, () => timelineText(map, { columns, nowMs: io.nowMs() }));
};

/** `retrace timeline`: what happened when. */
export const timelineCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'timeline <volume>',
      summary: 'Draw the write activity of a volume over time, with its bookmarks and gaps.',
      examples: [
        ['retrace timeline web-01/root', 'all of its history'],
        ['retrace timeline web-01/root --from -10m', 'the last ten minutes'],
        [
          'retrace timeline web-01/root --from -1h --to -30m --bucket 1s --json',
          'counts of each second, for a script',
        ],
      ],
    })
      .option('--from <instant>', 'where to begin (default: the oldest instant)')
      .option('--to <instant>', 'where to end (default: the newest)')
      .option('--bucket <span>', 'span of one count: 1s, 5m, 2h, 1d (default: what fits)'),
    io,
  ).action((volume: string, options: TimelineOptions) => run(volume, options, io));
