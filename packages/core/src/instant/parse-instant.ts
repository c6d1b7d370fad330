import { RetraceError } from '../errors/retrace-error.js';
import type { Seq, TimeUs } from '../ids/brands.js';
import {
  checkName,
  parseTarget,
  parseVolumeRef,
  type TargetRef,
  type VolumeRef,
} from '../ids/names.js';
import { type Instant, type InstantRequest, LATEST } from './instant.js';
import { formatTime, parseRfc3339 } from './rfc3339.js';

/** The grammar, for error messages and help texts. */
export const INSTANT_GRAMMAR =
  'latest | -90s | -5m | -2h | -1d | seq:N | bookmark:NAME | arrival:TIME | TIME, where TIME is ' +
  'RFC 3339 with a zone and up to 6 decimals (2026-11-22T10:41:07.250Z); "~" in front takes the ' +
  'nearest instant at or before it that can be had';

const UNIT_US = new Map([
  ['s', 1e6],
  ['m', 60e6],
  ['h', 3600e6],
  ['d', 86_400e6],
]);

const invalid = (text: string): RetraceError =>
  new RetraceError(
    'INSTANT_INVALID',
    `"${text}" is not an instant; the grammar: ${INSTANT_GRAMMAR}`,
  );

/** Local time of this process as minutes east of UTC at the given reading. */
const localZoneMinutes = (asUtcUs: number): number =>
  -new Date(
    asUtcUs / 1000 + new Date(asUtcUs / 1000).getTimezoneOffset() * 60_000,
  ).getTimezoneOffset();

const parseTime = (text: string): TimeUs => {
  const parsed = parseRfc3339(text);
  if (parsed === undefined) throw invalid(text);
  if (parsed.zoneMinutes === undefined) {
    const local = parsed.asUtcUs - localZoneMinutes(parsed.asUtcUs) * 60e6;
    throw new RetraceError(
      'INSTANT_WITHOUT_ZONE',
      `"${text}" names no zone; write ${formatTime(parsed.asUtcUs)} if it is UTC, or ` +
        `${formatTime(local)} if it is this machine's local time`,
      { details: { asUtc: formatTime(parsed.asUtcUs), asLocal: formatTime(local) } },
    );
  }
  const timeUs = parsed.asUtcUs - parsed.zoneMinutes * 60e6;
  if (timeUs < 0) throw invalid(text);
  return timeUs as TimeUs;
};

const parseExact = (text: string): Instant => {
  if (text === 'latest') return { kind: 'latest' };
  const ago = /^-(\d{1,9})([smhd])$/.exec(text);
  if (ago !== null) return { kind: 'ago', us: Number(ago[1]) * UNIT_US.get(ago[2]!)! };
  if (text.startsWith('seq:')) {
    const digits = text.slice('seq:'.length);
    const value = Number(digits);
    if (!/^\d+$/.test(digits) || !Number.isSafeInteger(value)) throw invalid(text);
    if (value === 0) throw new RetraceError('INSTANT_UNKNOWN', 'seq:0: the first record is seq:1');
    return { kind: 'seq', seq: value as Seq };
  }
  if (text.startsWith('bookmark:')) {
    return { kind: 'bookmark', name: checkName(text.slice('bookmark:'.length), 'bookmark name') };
  }
  if (text.startsWith('arrival:')) {
    return { kind: 'arrival', timeUs: parseTime(text.slice('arrival:'.length)) };
  }
  return { kind: 'time', timeUs: parseTime(text) };
};

/**
 * Parses an instant (INSTANT_GRAMMAR).
 * @throws RetraceError INSTANT_INVALID, INSTANT_WITHOUT_ZONE (with both readings), INSTANT_UNKNOWN
 *   for seq:0, NAME_INVALID
 */
export const parseInstant = (text: string): InstantRequest => {
  const nearest = text.startsWith('~');
  return { instant: parseExact(nearest ? text.slice(1) : text), nearest };
};

/** Text of an instant that `parseInstant` reads back as the same. */
export const formatInstant = ({ instant, nearest }: InstantRequest): string => {
  const prefix = nearest ? '~' : '';
  switch (instant.kind) {
    case 'latest':
      return `${prefix}latest`;
    case 'ago':
      return `${prefix}-${Math.round(instant.us / 1e6)}s`;
    case 'seq':
      return `${prefix}seq:${instant.seq}`;
    case 'time':
      return `${prefix}${formatTime(instant.timeUs)}`;
    case 'arrival':
      return `${prefix}arrival:${formatTime(instant.timeUs)}`;
    case 'bookmark':
      return `${prefix}bookmark:${instant.name}`;
  }
};

const splitAt = (text: string): readonly [string, InstantRequest] => {
  const at = text.indexOf('@');
  return at < 0 ? [text, LATEST] : [text.slice(0, at), parseInstant(text.slice(at + 1))];
};

/** `VOLUME@INSTANT`; a bare VOLUME means `@latest`. */
export interface VolumeInstant {
  readonly volume: VolumeRef;
  readonly request: InstantRequest;
}

/** @throws RetraceError as parseVolumeRef and parseInstant */
export const parseVolumeInstant = (text: string): VolumeInstant => {
  const [target, request] = splitAt(text);
  return { volume: parseVolumeRef(target), request };
};

/** `VOLUME@INSTANT` or `GROUP@INSTANT`. */
export interface TargetInstant {
  readonly target: TargetRef;
  readonly request: InstantRequest;
}

/** @throws RetraceError as parseTarget and parseInstant */
export const parseTargetInstant = (text: string): TargetInstant => {
  const [target, request] = splitAt(text);
  return { target: parseTarget(target), request };
};
