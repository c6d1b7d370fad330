import { formatTarget, formatTime } from '@retrace/core';
import type { InstantPoint, VolumePort } from '../journal-port.js';

/** A time as all answers give it: RFC 3339 and microseconds. */
export const timeFields = (timeUs: number): { time: string; timeUs: number } => ({
  time: formatTime(timeUs),
  timeUs,
});

/** A place in a group's history as all answers give it. */
export const pointFields = (
  point: InstantPoint,
): { seq: number; time: string; timeUs: number } => ({
  seq: point.seq,
  ...timeFields(point.timeUs),
});

/** `MACHINE/NAME`. */
export const volumeText = ({ machine, name }: Pick<VolumePort, 'machine' | 'name'>): string =>
  formatTarget({ kind: 'volume', machine, name });
