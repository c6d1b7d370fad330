import { formatTime, parseInstant, RetraceError } from '@retrace/core';
import type { ApiClient } from '../client/api-client.js';
import { mapOf, mapsOf, numberField } from '../client/fields.js';
import { fittingBucketMs } from '../output/timeline/grid.js';
import type { Places } from '../output/timeline/model.js';
import { placeTime } from './volumes.js';

const HOUR_US = 3600e6;
/** A history up to so long is shown whole unless a range is asked for. */
const HISTORY_SHORT_US = 2 * HOUR_US;
/** Of a longer one, so much before its end. */
const RANGE_DEFAULT_US = HOUR_US;
/** The longest bucket the server takes: one for all of a history, where only marks are wanted. */
const BUCKET_MS_MAX = 366 * 24 * 3600 * 1000;

/** What was asked for. */
export interface RangeOptions {
  readonly from?: string;
  readonly to?: string;
  readonly bucket?: string;
  /** Without `from`: all of the history, however long. */
  readonly isWhole: boolean;
  /** Columns of the drawing. */
  readonly columns: number;
  readonly nowMs: number;
}

/** The range that is shown. */
export interface TimelineRange {
  /** What to ask `GET /v1/timeline`. */
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly places: Places;
  /** The same for the time before the range; undefined unless the range was shortened unasked. */
  readonly earlier: Readonly<Record<string, string>> | undefined;
}

/**
 * The milliseconds of a span such as `5m`.
 * @throws RetraceError USAGE
 */
export const parseBucketMs = (text: string): number => {
  const match = /^(\d{1,9})(s|m|h|d)$/.exec(text);
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const ms = match === null ? 0 : Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
  if (ms > 0) return ms;
  throw new RetraceError('USAGE', `--bucket "${text}" is not a span: write 1s, 5m, 2h or 1d`);
};

/** Where the history begins and ends. */
const placesOf = async (api: ApiClient, volume: string): Promise<Places> => {
  const [facts = {}] = mapsOf(await api.get('/v1/volumes', { volume }));
  // Without bounds the server answers up to the newest time it knows everything of.
  const end = mapOf(await api.get('/v1/timeline', { volume, bucketMs: String(BUCKET_MS_MAX) }));
  return {
    horizonUs: placeTime(facts, 'horizon'),
    latestUs: placeTime(facts, 'latest'),
    knownUs: numberField(end, 'toUs'),
  };
};

/** The time an instant stands for, near enough to choose how wide a bucket is. */
const timeOf = async (
  api: ApiClient,
  volume: string,
  text: string,
  newestUs: number,
  nowMs: number,
): Promise<number | undefined> => {
  const { instant } = parseInstant(text);
  if (instant.kind === 'time' || instant.kind === 'arrival') return instant.timeUs;
  if (instant.kind === 'ago') return Math.max(newestUs, nowMs * 1000) - instant.us;
  if (instant.kind === 'latest') return newestUs;
  const answer = await api.get('/v1/resolve', { target: `${volume}@${text}` });
  return numberField(mapOf(answer), 'timeUs');
};

/** Where the range begins when nobody says so; undefined for the server's own choice. */
const defaultFromUs = (
  { horizonUs }: Places,
  toUs: number,
  isWhole: boolean,
): number | undefined => {
  if (horizonUs === undefined) return undefined;
  if (horizonUs >= toUs) return Math.max(0, toUs - RANGE_DEFAULT_US);
  return isWhole || toUs - horizonUs <= HISTORY_SHORT_US ? horizonUs : toUs - RANGE_DEFAULT_US;
};

/**
 * Chooses the range and the buckets: what was asked for; else all of a short history and the last
 * hour of a long one, in buckets that fit the columns.
 * @throws RetraceError USAGE, INSTANT_*; as ApiClient.get
 */
export const chooseRange = async (
  api: ApiClient,
  volume: string,
  options: RangeOptions,
): Promise<TimelineRange> => {
  const { from, to, bucket, nowMs, isWhole, columns } = options;
  const places = await placesOf(api, volume);
  const { horizonUs } = places;
  const newestUs = places.knownUs ?? places.latestUs ?? nowMs * 1000;
  const at = (text: string) => timeOf(api, volume, text, newestUs, nowMs);
  const toUs = (to === undefined ? undefined : await at(to)) ?? newestUs;
  const chosenUs = from === undefined ? defaultFromUs(places, toUs, isWhole) : await at(from);
  const spanMs = (toUs - (chosenUs ?? toUs - RANGE_DEFAULT_US)) / 1000;
  const bucketMs = bucket === undefined ? fittingBucketMs(spanMs, columns) : parseBucketMs(bucket);
  const query = { volume, to, bucketMs: String(bucketMs) };
  if (from !== undefined) return { query: { ...query, from }, places, earlier: undefined };
  if (chosenUs === undefined) return { query, places, earlier: undefined };
  // Columns then begin at round times.
  const bucketUs = bucketMs * 1000;
  const fromUs = isWhole ? chosenUs : Math.floor(chosenUs / bucketUs) * bucketUs;
  const earlier =
    horizonUs !== undefined && horizonUs < fromUs
      ? {
          volume,
          from: formatTime(horizonUs),
          to: formatTime(fromUs - 1),
          bucketMs: String(BUCKET_MS_MAX),
        }
      : undefined;
  return { query: { ...query, from: formatTime(fromUs) }, places, earlier };
};
