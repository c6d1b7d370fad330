import type { Collector, RowLane } from './range-sweep.js';
import type { RowPage } from './row-page.js';
import { ROW_KIND } from './rows.js';

/** Where the payload of a row lies: for `LayerVolume.read` of the volume it came from. */
export interface RowPlace {
  readonly page: RowPage;
  readonly row: number;
}

/** What a layer knows of a run of blocks at an instant. */
export interface LayerPiece {
  readonly startBlock: number;
  /** 1 for `data`. */
  readonly blocks: number;
  /** `none`: this layer has no version; `lost`: it was written, and the bytes are gone. */
  readonly kind: 'none' | 'data' | 'zero' | 'lost';
  /** Of the newest version; 0 with `none`. */
  readonly seq: number;
  /** With `data` only. */
  readonly place: RowPlace | undefined;
}

/** The same by what is stored and what is not; lost blocks count as data. */
export interface LayerRun {
  readonly startBlock: number;
  readonly blocks: number;
  readonly kind: 'none' | 'data' | 'zero';
}

type Growing<T extends { readonly blocks: number }> = Omit<T, 'blocks'> & { blocks: number };

const kindOf = (seq: number, row: RowLane | undefined): LayerPiece['kind'] => {
  if (seq === 0) return 'none';
  const kind = row === undefined ? ROW_KIND.zero : row.cursor.page!.kinds[row.cursor.row];
  if (kind === ROW_KIND.zero) return 'zero';
  return kind === ROW_KIND.data ? 'data' : 'lost';
};

export class PieceCollector implements Collector {
  readonly pieces: LayerPiece[] = [];
  readonly #piecesMax: number;
  #last: Growing<LayerPiece> | undefined;

  constructor(piecesMax: number) {
    this.#piecesMax = piecesMax;
  }

  add(startBlock: number, blocks: number, seq: number, row: RowLane | undefined): boolean {
    const kind = kindOf(seq, row);
    const last = this.#last;
    if (last !== undefined && kind !== 'data' && last.kind === kind && last.seq === seq) {
      last.blocks += blocks;
      return true;
    }
    if (this.pieces.length >= this.#piecesMax) return false;
    const place = kind === 'data' ? { page: row!.cursor.page!, row: row!.cursor.row } : undefined;
    this.#last = { startBlock, blocks, kind, seq, place };
    this.pieces.push(this.#last);
    return true;
  }
}

export class RunCollector implements Collector {
  readonly runs: LayerRun[] = [];
  readonly #runsMax: number;
  #last: Growing<LayerRun> | undefined;

  constructor(runsMax: number) {
    this.#runsMax = runsMax;
  }

  add(startBlock: number, blocks: number, seq: number, row: RowLane | undefined): boolean {
    const found = kindOf(seq, row);
    const kind = found === 'lost' ? 'data' : found;
    if (this.#last?.kind === kind) {
      this.#last.blocks += blocks;
      return true;
    }
    if (this.runs.length >= this.#runsMax) return false;
    this.#last = { startBlock, blocks, kind };
    this.runs.push(this.#last);
    return true;
  }
}
