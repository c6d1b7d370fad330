import { formatTime } from '@retrace/core';

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const NONE = '-';

/** `1.5 MiB`; `-` for what is not known. */
export const formatBytes = (bytes: number | undefined): string => {
  if (bytes === undefined) return NONE;
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || Number.isInteger(value) ? 0 : value < 10 ? 2 : 1;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
};

const MS_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/**
 * A span of time in the two units that matter: `3 d 4 h`, `5 min 7 s`, `1.2 s`, `18 ms`; `-` for
 * what is not known.
 */
export const formatDuration = (ms: number | undefined): string => {
  if (ms === undefined) return NONE;
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const index = MS_UNITS.findIndex(([, unitMs]) => ms >= unitMs);
  const [name, unitMs] = MS_UNITS[index]!;
  const count = Math.floor(ms / unitMs);
  const smaller = MS_UNITS[index + 1];
  if (smaller === undefined) return `${count} ${name}`;
  const rest = Math.floor((ms - count * unitMs) / smaller[1]);
  return rest === 0 ? `${count} ${name}` : `${count} ${name} ${rest} ${smaller[0]}`;
};

/** How long ago that was, or how far ahead. */
export const formatAge = (timeUs: number, nowMs: number): string => {
  const ageMs = nowMs - timeUs / 1000;
  if (ageMs < -1000) return `in ${formatDuration(-ageMs)}`;
  return `${formatDuration(Math.max(ageMs, 0))} ago`;
};

/**
 * A time as an instant that can be copied into the next command, and how long ago it was:
 * `2026-11-22T10:41:07.250000Z (5 min ago)`; `-` for what is not known.
 */
export const formatInstantTime = (timeUs: number | undefined, nowMs: number): string =>
  timeUs === undefined ? NONE : `${formatTime(timeUs)} (${formatAge(timeUs, nowMs)})`;

/** A number with thin groups of thousands: `1 234 567`. */
export const formatCount = (count: number | undefined): string =>
  count === undefined ? NONE : String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
