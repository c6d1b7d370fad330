import {
  type Consistency,
  formatInstant,
  formatTime,
  type Instant,
  type InstantRequest,
  RetraceError,
} from '@retrace/core';
import type { GroupHistory } from './group-history.js';
import type { Gap, VolumeHistory } from './volume-history.js';

/** An instant that can be had, as `retrace resolve` names it. */
export interface InstantPlace {
  readonly seq: number;
  readonly timeUs: number;
}

/** What an instant resolved to. */
export interface ResolvedInstant extends InstantPlace {
  /** What is known of the state: that of a bookmark at this very seq, else `crash`. */
  readonly state: Consistency;
  /** False when `~` took another instant than the one asked for. */
  readonly exact: boolean;
}

/** Where and when an instant is resolved. */
export interface ResolveContext {
  readonly history: GroupHistory;
  /** The volume's own history; undefined for a whole group. */
  readonly volume: VolumeHistory | undefined;
  /** How errors call the volume or group. */
  readonly target: string;
  /** The server's clock. */
  readonly nowUs: number;
}

/** A seq, with the time that was asked for where the instant is a time. */
interface Candidate {
  readonly seq: number;
  readonly askedUs: number | undefined;
}

/**
 * Resolves an instant to the seq whose prefix it is.
 * @throws RetraceError INSTANT_* (see the table of errors), with `before` and `after` in its
 * details   where there are such neighbours
 */
export const resolveInstant = async (
  context: ResolveContext,
  request: InstantRequest,
): Promise<ResolvedInstant> => {
  if (request.nearest) return resolveNearest(context, request.instant);
  const candidate = await locate(context, request.instant);
  await checkConsistent(context, candidate, request);
  return describe(context, candidate.seq, true);
};

const resolveNearest = async (
  context: ResolveContext,
  instant: Instant,
): Promise<ResolvedInstant> => {
  const { history, volume } = context;
  const candidate = await locateLoosely(context, instant);
  let seq = volume === undefined ? candidate.seq : (volume.lastConsistent(candidate.seq) ?? 0);
  const gap = candidate.askedUs === undefined ? undefined : volume?.gapAtTime(candidate.askedUs);
  if (gap !== undefined) seq = Math.min(seq, gap.afterSeq);
  if (seq < 1) {
    throw refuse(context, 'INSTANT_BEFORE_HORIZON', instant, 'the history begins later', {
      after: await nextPlace(context, 0),
    });
  }
  const complete = candidate.askedUs === undefined || candidate.askedUs <= completeTo(context);
  const exact = seq === candidate.seq && gap === undefined && complete;
  return describe({ ...context, history }, seq, exact);
};

/** The seq an instant names, complete or not, never beyond the newest. */
const locateLoosely = async (context: ResolveContext, instant: Instant): Promise<Candidate> => {
  const { history } = context;
  switch (instant.kind) {
    case 'seq':
      return { seq: Math.min(instant.seq, history.lastSeq), askedUs: undefined };
    case 'time':
      return { seq: await history.lastSeqAtTime(instant.timeUs), askedUs: instant.timeUs };
    case 'ago': {
      const askedUs = agentNow(context) - instant.us;
      return { seq: await history.lastSeqAtTime(askedUs), askedUs };
    }
    case 'arrival':
      return { seq: await history.lastSeqAtArrival(instant.timeUs), askedUs: undefined };
    case 'latest':
    case 'bookmark':
      return locate(context, instant);
  }
};

const locate = async (context: ResolveContext, instant: Instant): Promise<Candidate> => {
  const { history } = context;
  switch (instant.kind) {
    case 'latest':
      return { seq: await latestSeq(context, instant), askedUs: undefined };
    case 'seq':
      if (instant.seq > history.lastSeq) {
        throw refuse(context, 'INSTANT_IN_FUTURE', instant, 'it is after the newest', {
          before: await lastPlace(context, history.lastSeq),
        });
      }
      return { seq: instant.seq, askedUs: undefined };
    case 'time':
      return locateTime(context, instant, instant.timeUs);
    case 'ago':
      return locateTime(context, instant, agentNow(context) - instant.us);
    case 'arrival':
      return locateArrival(context, instant, instant.timeUs);
    case 'bookmark': {
      const bookmark = history.bookmarks.get(instant.name);
      if (bookmark === undefined) {
        throw refuse(context, 'INSTANT_UNKNOWN', instant, 'there is no such bookmark', {});
      }
      return { seq: bookmark.seq, askedUs: undefined };
    }
  }
};

const latestSeq = async (context: ResolveContext, instant: Instant): Promise<number> => {
  const { history, volume } = context;
  const last = history.lastSeq;
  const seq = volume === undefined ? last : (volume.lastConsistent(last) ?? 0);
  if (seq > 0) return seq;
  throw refuse(context, 'INSTANT_IN_GAP', instant, 'it has no consistent instant yet', {
    reason: volume?.gaps.at(-1)?.reason ?? 'no records',
  });
};

const locateTime = async (
  context: ResolveContext,
  instant: Instant,
  timeUs: number,
): Promise<Candidate> => {
  const { history } = context;
  const completeUs = completeTo(context);
  if (timeUs > completeUs) {
    const code =
      timeUs > Math.max(context.nowUs, agentNow(context))
        ? 'INSTANT_IN_FUTURE'
        : 'INSTANT_NOT_YET_COMPLETE';
    const why = `complete up to ${formatTime(completeUs)}`;
    throw refuse(context, code, instant, why, {
      before: await lastPlace(context, history.lastSeq),
    });
  }
  const seq = await history.lastSeqAtTime(timeUs);
  if (seq < 1) {
    const after = await nextPlace(context, 0);
    throw refuse(context, 'INSTANT_BEFORE_HORIZON', instant, 'the history begins later', { after });
  }
  await checkStandstill(context, instant, timeUs);
  return { seq, askedUs: timeUs };
};

/** A time that the agent's clock showed twice has two readings. */
const checkStandstill = async (
  context: ResolveContext,
  instant: Instant,
  timeUs: number,
): Promise<void> => {
  const { history } = context;
  const step = history.standstills.find((s) => timeUs >= s.wallUs && timeUs < s.heldAtUs);
  if (step === undefined) return;
  const first = await history.lastSeqAtTime(timeUs);
  const last = await history.lastSeqAtTime(step.heldAtUs);
  const why =
    `the agent's clock stepped back from ${formatTime(step.heldAtUs)} to ` +
    `${formatTime(step.wallUs)}: it is seq:${first} before the step, or one of seq:${step.seq} ` +
    `to seq:${last} after it`;
  throw refuse(context, 'INSTANT_IN_CLOCK_STEP', instant, why, {
    firstReading: first,
    secondReading: [step.seq, last],
  });
};

const locateArrival = async (
  context: ResolveContext,
  instant: Instant,
  timeUs: number,
): Promise<Candidate> => {
  if (timeUs >= context.nowUs) {
    const before = await lastPlace(context, context.history.lastSeq);
    throw refuse(context, 'INSTANT_IN_FUTURE', instant, 'it is after the newest', { before });
  }
  const seq = await context.history.lastSeqAtArrival(timeUs);
  if (seq < 1) {
    const after = await nextPlace(context, 0);
    throw refuse(context, 'INSTANT_BEFORE_HORIZON', instant, 'the history begins later', { after });
  }
  return { seq, askedUs: undefined };
};

const checkConsistent = async (
  context: ResolveContext,
  { seq, askedUs }: Candidate,
  { instant }: InstantRequest,
): Promise<void> => {
  const { history, volume } = context;
  if (volume === undefined) return;
  const gap = askedUs === undefined ? undefined : volume.gapAtTime(askedUs);
  if (gap === undefined && volume.isConsistentAt(seq)) return;
  const within: Gap | undefined = gap ?? volume.gapAtSeq(seq);
  const horizon = volume.ranges[0]?.fromSeq ?? Number.POSITIVE_INFINITY;
  const before = volume.lastConsistent(Math.min(seq, within?.afterSeq ?? seq));
  const after = volume.nextConsistent(Math.max(seq, (within?.untilSeq ?? 1) - 1));
  const details = {
    reason: within?.reason ?? 'initial-sync',
    before: before === undefined ? undefined : await place(history, before),
    after: after === undefined || after > history.lastSeq ? undefined : await place(history, after),
  };
  if (before === undefined && seq < horizon) {
    throw refuse(context, 'INSTANT_BEFORE_HORIZON', instant, 'its first copy ends later', details);
  }
  throw refuse(context, 'INSTANT_IN_GAP', instant, `gap: ${details.reason}`, details);
};

const describe = async (
  { history }: ResolveContext,
  seq: number,
  exact: boolean,
): Promise<ResolvedInstant> => {
  const bookmark = [...history.bookmarks.values()].find((candidate) => candidate.seq === seq);
  return { ...(await place(history, seq)), state: bookmark?.consistency ?? 'crash', exact };
};

/** Up to which time everything is stored: after a clean stop, up to now. */
const completeTo = ({ history, nowUs }: ResolveContext): number => {
  const epoch = history.epochs.last;
  if (epoch === undefined) return 0;
  return epoch.cleanStop ? Math.max(nowUs, epoch.completeToUs) : epoch.completeToUs;
};

/** The agent's clock now, as its newest watermark gives it. */
export const agentNow = ({ history, nowUs }: Pick<ResolveContext, 'history' | 'nowUs'>): number => {
  const mark = history.watermark;
  return mark === undefined ? nowUs : mark.timeUs + Math.max(0, nowUs - mark.arrivalUs);
};

const place = async (history: GroupHistory, seq: number): Promise<InstantPlace> => ({
  seq,
  timeUs: await history.timeOf(seq),
});

const lastPlace = async (
  context: ResolveContext,
  seq: number,
): Promise<InstantPlace | undefined> => {
  const last = context.volume === undefined ? seq : context.volume.lastConsistent(seq);
  return last === undefined || last < 1 ? undefined : place(context.history, last);
};

const nextPlace = async (
  { history, volume }: ResolveContext,
  seq: number,
): Promise<InstantPlace | undefined> => {
  const next = volume === undefined ? seq + 1 : volume.nextConsistent(seq);
  return next === undefined || next > history.lastSeq ? undefined : await place(history, next);
};

const refuse = (
  context: ResolveContext,
  code: ConstructorParameters<typeof RetraceError>[0],
  instant: Instant,
  why: string,
  details: {
    readonly reason?: string;
    readonly before?: InstantPlace | undefined;
    readonly after?: InstantPlace | undefined;
    readonly firstReading?: number;
    readonly secondReading?: readonly number[];
  },
): RetraceError => {
  const asked = formatInstant({ instant, nearest: false });
  const neighbours = [
    details.before &&
      `nearest before: seq:${details.before.seq} ${formatTime(details.before.timeUs)}`,
    details.after && `nearest after: seq:${details.after.seq} ${formatTime(details.after.timeUs)}`,
  ].filter((text) => text !== undefined);
  const message = [`${context.target}@${asked} cannot be had: ${why}`, ...neighbours].join('; ');
  return new RetraceError(code, message, { details });
};
