import { RetraceError } from '@retrace/core';
import type { View } from './view.js';

const READ_BYTES = 1 << 20;

/** The first difference of two views. */
export interface ViewDifference {
  /** Byte of the volume. */
  readonly offset: number;
  readonly what: string;
}

export interface CompareOptions {
  /** Told of bytes that were compared, holes included. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compares two views of one volume byte for byte; stretches that are holes in both are not read.
 * @returns the first difference, undefined when there is none
 * @throws RetraceError CORRUPTION when one of them cannot be read
 */
export const compareViews = async (
  a: View,
  b: View,
  options: CompareOptions = {},
): Promise<ViewDifference | undefined> => {
  if (a.sizeBytes !== b.sizeBytes) {
    return { offset: 0, what: `sizes ${a.sizeBytes} and ${b.sizeBytes}` };
  }
  for (let at = 0; at < a.sizeBytes; ) {
    if (options.signal?.aborted === true) {
      throw new RetraceError('CHECK_FAILED', 'the check was stopped before its end');
    }
    const first = (await a.extents(at, a.sizeBytes - at, 1))[0]!;
    const hole = first.hole ? Math.min(first.length, await holeBytes(b, at, first.length)) : 0;
    const length = hole > 0 ? hole : Math.min(first.length, READ_BYTES);
    const different = hole > 0 ? undefined : await compareBytes(a, b, at, length);
    if (different !== undefined) return different;
    at += length;
    options.onBytes?.(at);
  }
  return undefined;
};

/** Bytes from `offset` that are a hole in the view as well, 0 when they are data. */
const holeBytes = async (view: View, offset: number, length: number): Promise<number> => {
  // A replayed view finds its extents block by block: it is asked for a bounded piece.
  const extent = (await view.extents(offset, Math.min(length, 1 << 28), 1))[0]!;
  return extent.hole ? extent.length : 0;
};

const compareBytes = async (
  a: View,
  b: View,
  offset: number,
  length: number,
): Promise<ViewDifference | undefined> => {
  const left = Buffer.alloc(length);
  const right = Buffer.alloc(length);
  await Promise.all([a.read(offset, left), b.read(offset, right)]);
  if (left.equals(right)) return undefined;
  const at = left.findIndex((byte, i) => byte !== right[i]);
  return { offset: offset + at, what: `bytes ${left[at]} and ${right[at]}` };
};
