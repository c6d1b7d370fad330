import type { ByteRange, Piece } from './pieces.js';
import { piecesOf } from './pieces.js';
import type { Source } from './source.js';

/** Where pieces go, each exactly once and in ascending order. */
export interface Sink {
  data(offset: number, bytes: Buffer): Promise<void>;
  zeros(offset: number, length: number): Promise<void>;
}

export interface CopyOptions {
  /** Reads under way at once. Default 8. */
  readonly readsMax?: number;
  /** Bytes of one read. Default 1 MiB. */
  readonly pieceBytes?: number;
  /** Told how many bytes of the range are done, holes included. */
  readonly onProgress?: (doneBytes: number) => void;
}

interface Pending {
  readonly piece: Piece;
  readonly bytes: Promise<Buffer> | undefined;
}

/**
 * Copies a range of the source, reading ahead, and gives it to the sink in order.
 * @returns bytes copied: always the whole range
 */
export const copy = async (
  source: Source,
  range: ByteRange,
  sink: Sink,
  { readsMax = 8, pieceBytes = 1024 * 1024, onProgress }: CopyOptions = {},
): Promise<number> => {
  const pieces = piecesOf(source, range, Math.min(pieceBytes, source.readBytesMax));
  const pending: Pending[] = [];
  let done = 0;
  const finishOldest = async (): Promise<void> => {
    const { piece, bytes } = pending.shift()!;
    if (bytes === undefined) await sink.zeros(piece.offset, piece.length);
    else await sink.data(piece.offset, await bytes);
    done += piece.length;
    onProgress?.(done);
  };
  for await (const piece of pieces) {
    const bytes = piece.isZero ? undefined : source.read(piece.offset, piece.length);
    // A read that fails is reported when its turn comes; until then nobody looks at it.
    bytes?.catch(() => {});
    pending.push({ piece, bytes });
    if (pending.length >= readsMax) await finishOldest();
  }
  while (pending.length > 0) await finishOldest();
  return done;
};
