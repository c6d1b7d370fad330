import type { TimeUs } from '../ids/brands.js';

const TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?([Zz]|[+-]\d{2}:\d{2})?$/;

/** What a text that looks like RFC 3339 says; `zoneMinutes` undefined when it names no zone. */
export interface ParsedTime {
  /** Microseconds since the epoch, the digits read as UTC (the zone not yet applied). */
  readonly asUtcUs: number;
  readonly zoneMinutes: number | undefined;
}

const zoneMinutes = (zone: string | undefined): number | undefined => {
  if (zone === undefined) return undefined;
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return Number.NaN;
  return (zone[0] === '-' ? -1 : 1) * (hours * 60 + minutes);
};

/** Parses RFC 3339 with up to 6 decimals, the zone optional; undefined for anything else. */
export const parseRfc3339 = (text: string): ParsedTime | undefined => {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const exact =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  const zone = zoneMinutes(match[8]);
  if (!exact || Number.isNaN(zone)) return undefined;
  const us = Number((match[7] ?? '').padEnd(6, '0'));
  return { asUtcUs: date.getTime() * 1000 + us, zoneMinutes: zone };
};

/** RFC 3339 in UTC with six decimals: `2026-11-22T10:41:07.250000Z`. */
export const formatTime = (timeUs: TimeUs | number): string => {
  const us = timeUs % 1000;
  const iso = new Date(Math.floor(timeUs / 1000)).toISOString();
  return `${iso.slice(0, -1)}${String(us).padStart(3, '0')}Z`;
};
