import { RetraceError } from '@retrace/core';
import type { Source } from './source.js';

/** A part of the source: data to be read, or a run that reads as zeros. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly isZero: boolean;
}

/** A range of bytes; `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** How far ahead one question about extents looks. */
const QUERY_BYTES_MAX = 1024 * 1024 * 1024;

/**
 * Cuts a range into pieces, in order and without gaps: data of at most `pieceBytes`, runs of zeros
 * of any length.
 * @throws RetraceError CORRUPTION when the source's extents make no sense
 */
export async function* piecesOf(
  source: Source,
  range: ByteRange,
  pieceBytes: number,
): AsyncGenerator<Piece> {
  let at = range.start;
  while (at < range.end) {
    for (const { length, isZero } of await runsAt(source, at, range.end)) {
      const end = Math.min(at + length, range.end);
      if (isZero && end > at) yield { offset: at, length: end - at, isZero: true };
      for (let offset = at; !isZero && offset < end; offset += pieceBytes) {
        yield { offset, length: Math.min(pieceBytes, end - offset), isZero: false };
      }
      at = end;
    }
  }
}

const runsAt = async (
  source: Source,
  at: number,
  end: number,
): Promise<readonly { readonly length: number; readonly isZero: boolean }[]> => {
  if (source.extents === undefined) return [{ length: end - at, isZero: false }];
  const extents = await source.extents(at, Math.min(end - at, QUERY_BYTES_MAX));
  if (extents.length === 0 || extents.some(({ length }) => length <= 0)) {
    throw new RetraceError('CORRUPTION', `the server's extents at ${at} make no sense`);
  }
  return extents.map(({ length, zero }) => ({ length, isZero: zero }));
};
