import type { JournalLimits } from '../limits.js';
import type { BlockPiece, BlockSource, SourcePiece } from './block-source.js';
import { stackedPieces, stackedRuns } from './source-stack.js';

/** A run of bytes that is data or reads as zeros. */
export interface ViewExtent {
  readonly length: number;
  /** No data is stored: never written, zeroed or trimmed. */
  readonly hole: boolean;
  readonly zero: boolean;
}

/** A volume at an instant, read-only. */
export interface View {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /**
   * Fills `target` with the bytes from `offset`, which must lie within the volume. Undefined when
   * that was done without waiting.
   * @throws RetraceError CORRUPTION, naming the place; STORAGE_FAILED
   */
  read(offset: number, target: Buffer): undefined | Promise<void>;
  /**
   * Data and holes from `offset`, consecutive; may stop before `length`, after at least one.
   * @param countMax - no more than these are wanted
   * @throws RetraceError as read
   */
  extents(
    offset: number,
    length: number,
    countMax?: number,
  ): readonly ViewExtent[] | Promise<readonly ViewExtent[]>;
  close(): void;
}

/** The sources of a volume as they are now; what they read from stays until `release`. */
export interface SourceLease {
  /** Newest first. */
  readonly sources: readonly BlockSource[];
  release(): void;
}

export interface StackedViewOptions {
  /** Asked by each read: segments are sealed and layers are merged while a view is open. */
  readonly lease: () => SourceLease;
  readonly limits: JournalLimits;
  readonly seq: number;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly onClose: () => void;
}

/**
 * A view by the indexes of log and layers: it holds nothing but its seq, so that it costs the same
 * for any volume and any history, and the seq's meaning never changes (records are only ever added
 * after it).
 */
export class StackedView implements View {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly #options: StackedViewOptions;
  #closed = false;

  constructor(options: StackedViewOptions) {
    this.#options = options;
    this.sizeBytes = options.sizeBytes;
    this.blockBytes = options.blockBytes;
  }

  read(offset: number, target: Buffer): undefined | Promise<void> {
    const { lease, seq } = this.#options;
    const { blockBytes } = this;
    const start = Math.floor(offset / blockBytes);
    const blocks = Math.ceil((offset + target.length) / blockBytes) - start;
    const held = lease();
    return withLease(held, () => {
      const found = stackedPieces(held.sources, seq, start, blocks, unlimitedBudget());
      return found instanceof Promise
        ? found.then((pieces) => this.#readPieces(pieces, offset, target, 0))
        : this.#readPieces(found, offset, target, 0);
    });
  }

  /** Reads piece after piece, without a promise as long as none has to be waited for. */
  #readPieces(
    pieces: readonly SourcePiece[],
    offset: number,
    target: Buffer,
    first: number,
  ): undefined | Promise<void> {
    const { blockBytes } = this;
    for (let i = first; i < pieces.length; i++) {
      const { startBlock, blocks, read } = pieces[i]!;
      const from = Math.max(offset, startBlock * blockBytes);
      const to = Math.min(offset + target.length, (startBlock + blocks) * blockBytes);
      const part = target.subarray(from - offset, to - offset);
      if (read === undefined) {
        part.fill(0);
        continue;
      }
      const waiting = read(from, part);
      if (waiting !== undefined) {
        return waiting.then(() => this.#readPieces(pieces, offset, target, i + 1));
      }
    }
    return undefined;
  }

  extents(
    offset: number,
    length: number,
    countMax: number = Number.POSITIVE_INFINITY,
  ): readonly ViewExtent[] | Promise<readonly ViewExtent[]> {
    const { limits, lease, seq } = this.#options;
    const { blockBytes } = this;
    const start = Math.floor(offset / blockBytes);
    const blocks = Math.ceil((offset + length) / blockBytes) - start;
    const budget = {
      lookups: limits.extentsLookupsMax,
      piecesMax: Math.min(countMax, limits.extentsPerAnswerMax),
    };
    const held = lease();
    return withLease(held, () => {
      const found = stackedRuns(held.sources, seq, start, blocks, budget);
      return found instanceof Promise
        ? found.then((runs) => toExtents(runs, offset, length, blockBytes))
        : toExtents(found, offset, length, blockBytes);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClose();
  }
}

/** Gives the lease back when the work is done, whether or not that takes waiting. */
const withLease = <T>({ release }: SourceLease, work: () => T): T => {
  let done: T;
  try {
    done = work();
  } catch (error) {
    release();
    throw error;
  }
  if (done instanceof Promise) return done.finally(release) as T;
  release();
  return done;
};

/** Runs of blocks as runs of bytes within [offset, offset + length), neighbours alike joined. */
const toExtents = (
  runs: readonly BlockPiece[],
  offset: number,
  length: number,
  blockBytes: number,
): ViewExtent[] => {
  const out: { length: number; hole: boolean; zero: boolean }[] = [];
  for (const { startBlock, blocks, kind } of runs) {
    const from = Math.max(offset, startBlock * blockBytes);
    const to = Math.min(offset + length, (startBlock + blocks) * blockBytes);
    const hole = kind === 'none' || kind === 'zero';
    const last = out.at(-1);
    if (last !== undefined && last.hole === hole) last.length += to - from;
    else out.push({ length: to - from, hole, zero: hole });
  }
  return out;
};

const unlimitedBudget = () => ({
  lookups: Number.POSITIVE_INFINITY,
  piecesMax: Number.POSITIVE_INFINITY,
});
