import { RetraceError } from '@retrace/core';

/**
 * A part of a layer that is damaged or missing.
 * @param place - file and byte
 */
export const corrupt = (
  place: string,
  why: string,
  details: Readonly<Record<string, unknown>> = {},
): RetraceError =>
  new RetraceError('CORRUPTION', `${place}: ${why}`, { details: { place, ...details } });
