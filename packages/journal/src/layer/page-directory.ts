import { ColumnsWriter } from './columns.js';
import { corrupt } from './corrupt.js';
import type { DecodedPart, PartRef } from './part.js';

/**
 * The pages of one kind in one volume or group: where each lies, and the key it begins with. The
 * keys are (block, seq) of rows, (region key, seq) of regions, (seq, time, arrival, lsn) of
 * records.
 */

/** Columns of a page directory. The numbers are those of the files: never change one. */
const COLUMN = { items: 16, position: 17, bytes: 18, crc: 19 } as const;
/** Columns of the keys: 1 and up. */
const FIRST_KEY = 1;

/** A page directory while its pages are written. */
export class PageList {
  readonly #keys: number[][];
  readonly #items: number[] = [];
  readonly #refs: PartRef[] = [];

  /** @param keyColumns - how many numbers a page's first key has */
  constructor(keyColumns: number) {
    this.#keys = Array.from({ length: keyColumns }, () => []);
  }

  get pages(): number {
    return this.#refs.length;
  }

  /**
   * @param items - rows, regions or records of the page
   * @param key - of its first
   */
  add(ref: PartRef, items: number, ...key: readonly number[]): void {
    this.#refs.push(ref);
    this.#items.push(items);
    this.#keys.forEach((column, index) => {
      column.push(key[index]!);
    });
  }

  columns(): ColumnsWriter {
    const columns = new ColumnsWriter();
    this.#keys.forEach((values, index) => {
      columns.deltas(FIRST_KEY + index, values);
    });
    return columns
      .deltas(COLUMN.items, this.#items)
      .deltas(
        COLUMN.position,
        this.#refs.map(({ position }) => position),
      )
      .deltas(
        COLUMN.bytes,
        this.#refs.map(({ bytes }) => bytes),
      )
      .words(
        COLUMN.crc,
        this.#refs.map(({ crc }) => crc),
      );
  }
}

/** A decoded page directory. All columns have `count` values, one a page. */
export interface PageDirectory {
  readonly count: number;
  /** First keys of the pages, a column for each number of a key. */
  readonly first: readonly Float64Array[];
  readonly items: Float64Array;
  readonly memoryBytes: number;
  refOf(page: number): PartRef;
}

/**
 * @param pages - how many there are
 * @param keyColumns - how many numbers a key has
 * @throws RetraceError CORRUPTION
 */
export const decodePageDirectory = (
  { columns }: DecodedPart,
  pages: number,
  keyColumns: number,
  place: string,
): PageDirectory => {
  if (pages === 0) throw corrupt(place, 'a directory of no pages');
  const positions = columns.numbers(COLUMN.position, pages);
  const bytes = columns.numbers(COLUMN.bytes, pages);
  const crcs = columns.words(COLUMN.crc, pages);
  return {
    count: pages,
    first: Array.from({ length: keyColumns }, (_, index) =>
      columns.numbers(FIRST_KEY + index, pages),
    ),
    items: columns.numbers(COLUMN.items, pages),
    memoryBytes: pages * (keyColumns * 8 + 28),
    refOf: (page) => ({ position: positions[page]!, bytes: bytes[page]!, crc: crcs[page]! }),
  };
};
