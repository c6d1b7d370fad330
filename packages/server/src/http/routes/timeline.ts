import {
  formatTarget,
  type Instant,
  parseInstant,
  parseVolumeRef,
  RetraceError,
  type VolumeRef,
} from '@retrace/core';
import type { FastifyPluginAsync } from 'fastify';
import Type from 'typebox';
import { requireMachine } from '../../auth/roles.js';
import type { GroupPort } from '../../journal-port.js';
import type { HttpContext } from '../context.js';
import { pointFields, timeFields } from '../format.js';
import { groupOfVolume } from '../targets.js';
import type { TypeBox } from '../typed.js';

const InstantText = Type.String({ maxLength: 256 });
const Query = Type.Object({
  volume: Type.String({ maxLength: 256 }),
  from: Type.Optional(InstantText),
  to: Type.Optional(InstantText),
  bucketMs: Type.Optional(Type.Integer({ minimum: 1000, maximum: 366 * 24 * 3600 * 1000 })),
});

const HOUR_US = 3600e6;
const BUCKETS_DEFAULT = 60;

/** `/v1/timeline`: write activity, bookmarks and gaps of a volume. */
export const timelineRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  app
    .withTypeProvider<TypeBox>()
    .get(
      '/v1/timeline',
      { config: { role: 'viewer' }, schema: { querystring: Query } },
      async (request) => {
        const { journal } = context;
        const ref = parseVolumeRef(request.query.volume);
        const group = groupOfVolume(journal, ref);
        requireMachine(request.caller, group.name);
        const span = await spanOf(context, group, ref, request.query);
        const bucketUs = bucketOf(span, request.query.bucketMs, context.limits.timelineBucketsMax);
        const timeline = await journal.timeline(journal.volumeByRef(ref).id, {
          ...span,
          bucketUs,
        });
        return {
          volume: formatTarget(ref),
          from: timeFields(span.fromUs).time,
          fromUs: span.fromUs,
          to: timeFields(span.toUs).time,
          toUs: span.toUs,
          bucketMs: bucketUs / 1000,
          buckets: timeline.buckets.map(({ fromUs, records, bytes, writes, flushes, trims }) => ({
            ...timeFields(fromUs),
            ...{ records, bytes, writes, flushes, trims },
          })),
          bookmarks: timeline.bookmarks.map((bookmark) => ({
            name: bookmark.name,
            ...pointFields(bookmark),
            consistency: bookmark.consistency,
          })),
          gaps: timeline.gaps.map(gapFields),
        };
      },
    );
};

interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

const spanOf = async (
  context: HttpContext,
  group: GroupPort,
  ref: VolumeRef,
  query: { readonly from?: string; readonly to?: string },
): Promise<Span> => {
  const newestUs = Math.max(group.latest?.timeUs ?? 0, group.watermark?.timeUs ?? 0);
  const at = (text: string): Promise<number> => placeOf(context, ref, text, newestUs);
  const toUs = query.to === undefined ? newestUs : await at(query.to);
  const fromUs = query.from === undefined ? Math.max(0, toUs - HOUR_US) : await at(query.from);
  if (fromUs <= toUs) return { fromUs, toUs };
  throw new RetraceError('USAGE', '"from" lies after "to"');
};

/** A bound of the span may lie where no instant can be had: a time is taken as it is. */
const placeOf = async (
  { clock, journal }: HttpContext,
  ref: VolumeRef,
  text: string,
  newestUs: number,
): Promise<number> => {
  const request = parseInstant(text);
  const { instant }: { readonly instant: Instant } = request;
  if (instant.kind === 'time') return instant.timeUs;
  if (instant.kind === 'latest') return newestUs;
  if (instant.kind === 'ago') return Math.max(0, Math.max(newestUs, clock.nowUs()) - instant.us);
  return (await journal.resolve(ref, request)).timeUs;
};

const bucketOf = ({ fromUs, toUs }: Span, bucketMs: number | undefined, max: number): number => {
  const spanUs = toUs - fromUs;
  const wholeSeconds = Math.ceil(spanUs / BUCKETS_DEFAULT / 1e6) * 1e6;
  const bucketUs = bucketMs === undefined ? Math.max(1e6, wholeSeconds) : bucketMs * 1000;
  if (spanUs / bucketUs <= max) return bucketUs;
  throw new RetraceError('USAGE', `more than ${max} buckets: take a larger bucketMs`);
};

const gapFields = (gap: {
  readonly reason: string;
  readonly fromSeq: number;
  readonly fromTimeUs: number;
  readonly toSeq: number | undefined;
  readonly toTimeUs: number | undefined;
}): object => ({
  fromSeq: gap.fromSeq,
  fromTime: timeFields(gap.fromTimeUs).time,
  fromTimeUs: gap.fromTimeUs,
  toSeq: gap.toSeq ?? null,
  toTime: gap.toTimeUs === undefined ? null : timeFields(gap.toTimeUs).time,
  toTimeUs: gap.toTimeUs ?? null,
  reason: gap.reason,
});
