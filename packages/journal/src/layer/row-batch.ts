import { crc32c, RetraceError } from '@retrace/core';
import { corrupt } from './corrupt.js';
import type { LayerSource } from './layer-source.js';
import type { RowPage } from './row-page.js';
import { ROW_KIND, type RowKind } from './rows.js';

/** Rows of one chunk, in order, with their payloads. Valid for as long as it is held. */
export class RowBatch {
  readonly count: number;
  /** Why the chunk cannot be had; undefined when it is intact, its blocks apart. */
  readonly damage: RetraceError | undefined;
  readonly #page: RowPage;
  readonly #from: number;
  readonly #chunk: Buffer;
  readonly #place: string;

  private constructor(o: {
    readonly page: RowPage;
    readonly from: number;
    readonly count: number;
    readonly chunk: Buffer;
    readonly place: string;
    readonly damage: RetraceError | undefined;
  }) {
    this.count = o.count;
    this.damage = o.damage;
    this.#page = o.page;
    this.#from = o.from;
    this.#chunk = o.chunk;
    this.#place = o.place;
  }

  /** A page that has no payloads at all. */
  static withoutData(page: RowPage): RowBatch {
    const { count } = page;
    return new RowBatch({ page, from: 0, count, chunk: NO_BYTES, place: '', damage: undefined });
  }

  /** The rows of one chunk of a page. @throws RetraceError STORAGE_FAILED */
  static async read(page: RowPage, index: number, source: LayerSource): Promise<RowBatch> {
    const ref = page.chunks[index]!;
    let from = 0;
    for (let i = 0; i < index; i++) from += page.chunks[i]!.rows;
    const rows = { page, from, count: ref.rows, place: source.place(ref.position) };
    try {
      return new RowBatch({ ...rows, chunk: await source.chunk(ref), damage: undefined });
    } catch (error) {
      if (!(error instanceof RetraceError) || error.code !== 'CORRUPTION') throw error;
      return new RowBatch({ ...rows, chunk: NO_BYTES, damage: error });
    }
  }

  block(row: number): number {
    return this.#page.keys[this.#from + row]!;
  }

  seq(row: number): number {
    return this.#page.seqs[this.#from + row]!;
  }

  kind(row: number): RowKind {
    return this.#page.kinds[this.#from + row] as RowKind;
  }

  /** crc32c of the payload; 0 without one. */
  checksum(row: number): number {
    return this.#page.checksums[this.#from + row]!;
  }

  /**
   * The payload, checked: a view into the chunk. Undefined for rows of other kinds than `data`.
   * @throws RetraceError CORRUPTION when it cannot be had, or is not what was written
   */
  data(row: number): Buffer | undefined {
    if (this.kind(row) !== ROW_KIND.data) return undefined;
    if (this.damage !== undefined) throw this.damage;
    const at = this.#page.payloadAt[this.#from + row]!;
    const bytes = this.#chunk.subarray(at, at + this.#page.payloadBytes[this.#from + row]!);
    if (crc32c(bytes) === this.checksum(row)) return bytes;
    const why =
      `the bytes of block ${this.block(row)}, written at seq:${this.seq(row)}, are not ` +
      'what was written';
    throw corrupt(this.#place, why, { block: this.block(row), seq: this.seq(row) });
  }
}

const NO_BYTES = Buffer.alloc(0);
