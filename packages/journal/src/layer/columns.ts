import { corrupt } from './corrupt.js';
import { LAYER_BOUNDS } from './limits.js';
import { decodeDeltas, decodeSigned, encodeDeltas, encodeSigned } from './varint.js';

/**
 * A set of columns (docs/formats/layer.md): a list of what columns there are, then their bytes. A
 * reader asks for those it knows, so that more can be added.
 */

/** How a column's values are stored. The numbers are those of the files: never change one. */
export const CODING = { bytes: 0, signed: 1, deltas: 2, words: 3 } as const;
type Coding = (typeof CODING)[keyof typeof CODING];

const COUNT_BYTES = 4;
const ENTRY_BYTES = 12;
const NO_BYTES = Buffer.alloc(0);

interface Column {
  readonly id: number;
  readonly coding: Coding;
  readonly count: number;
  readonly bytes: Buffer;
}

/** Little-endian 32-bit words as bytes. */
export const wordBytes = (values: ArrayLike<number>, count: number = values.length): Buffer => {
  const words = Uint32Array.from({ length: count }, (_, index) => values[index]!);
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
};

/** The opposite: a copy, for the bytes need not be aligned. */
export const bytesToWords = (bytes: Buffer): Uint32Array => {
  const words = new Uint32Array(Math.floor(bytes.length / 4));
  bytes.copy(Buffer.from(words.buffer));
  return words;
};

export class ColumnsWriter {
  readonly #columns: Column[] = [];

  /** Values from 0 to 255, a byte each. */
  bytes(id: number, bytes: Buffer): this {
    return this.#add(id, CODING.bytes, bytes.length, bytes);
  }

  /** Values of both signs. */
  signed(id: number, values: ArrayLike<number>, count: number = values.length): this {
    return this.#add(id, CODING.signed, count, encodeSigned(values, count));
  }

  /** Values of 0 and above that are near the ones before them. */
  deltas(id: number, values: ArrayLike<number>, count: number = values.length): this {
    return this.#add(id, CODING.deltas, count, encodeDeltas(values, count));
  }

  /** Values of 32 bits with nothing to be saved: checksums. */
  words(id: number, values: ArrayLike<number>, count: number = values.length): this {
    return this.#add(id, CODING.words, count, wordBytes(values, count));
  }

  /** A column without values is not there. */
  #add(id: number, coding: Coding, count: number, bytes: Buffer): this {
    if (count > 0) this.#columns.push({ id, coding, count, bytes });
    return this;
  }

  encode(): Buffer {
    const head = Buffer.alloc(COUNT_BYTES + this.#columns.length * ENTRY_BYTES);
    head.writeUInt32LE(this.#columns.length, 0);
    this.#columns.forEach(({ id, coding, count, bytes }, index) => {
      const at = COUNT_BYTES + index * ENTRY_BYTES;
      head.writeUInt16LE(id, at);
      head.writeUInt16LE(coding, at + 2);
      head.writeUInt32LE(count, at + 4);
      head.writeUInt32LE(bytes.length, at + 8);
    });
    return Buffer.concat([head, ...this.#columns.map(({ bytes }) => bytes)]);
  }
}

export class ColumnsReader {
  readonly #columns = new Map<number, Omit<Column, 'coding'> & { readonly coding: number }>();
  readonly #place: string;

  /** @throws RetraceError CORRUPTION when these are no columns */
  constructor(bytes: Buffer, place: string) {
    this.#place = place;
    const columns = bytes.length < COUNT_BYTES ? -1 : bytes.readUInt32LE(0);
    let at = COUNT_BYTES + columns * ENTRY_BYTES;
    if (columns < 0 || columns > LAYER_BOUNDS.columns || at > bytes.length) {
      throw corrupt(place, 'the list of columns is cut off');
    }
    for (let index = 0; index < columns; index++) {
      const entry = COUNT_BYTES + index * ENTRY_BYTES;
      const id = bytes.readUInt16LE(entry);
      const length = bytes.readUInt32LE(entry + 8);
      const column = { id, coding: bytes.readUInt16LE(entry + 2) };
      const count = bytes.readUInt32LE(entry + 4);
      this.#columns.set(id, { ...column, count, bytes: bytes.subarray(at, at + length) });
      at += length;
    }
    if (at !== bytes.length)
      throw corrupt(place, `its columns are ${at} bytes, not ${bytes.length}`);
  }

  has(id: number): boolean {
    return this.#columns.has(id);
  }

  /** How many values a column has. */
  count(id: number): number {
    return this.#columns.get(id)?.count ?? 0;
  }

  /** A column of numbers; a missing one has no values. @throws RetraceError CORRUPTION */
  numbers(id: number, count: number): Float64Array {
    const { coding, bytes } = this.#get(id, count, CODING.deltas);
    if (coding === CODING.deltas) return decodeDeltas(bytes, count, this.#place);
    if (coding === CODING.signed) return decodeSigned(bytes, count, this.#place);
    throw this.#wrong(id, `has coding ${coding}`);
  }

  /** A column of bytes. @throws RetraceError CORRUPTION */
  bytes(id: number, count: number): Buffer {
    const { coding, bytes } = this.#get(id, count, CODING.bytes);
    if (coding !== CODING.bytes) throw this.#wrong(id, `has coding ${coding}`);
    if (bytes.length !== count) throw this.#wrong(id, `has ${bytes.length} bytes, not ${count}`);
    return bytes;
  }

  /** A column of 32-bit words. @throws RetraceError CORRUPTION */
  words(id: number, count: number): Uint32Array {
    const { coding, bytes } = this.#get(id, count, CODING.words);
    if (coding !== CODING.words) throw this.#wrong(id, `has coding ${coding}`);
    if (bytes.length !== count * 4) throw this.#wrong(id, `has ${bytes.length} bytes`);
    return bytesToWords(bytes);
  }

  #get(
    id: number,
    count: number,
    wanted: Coding,
  ): { readonly coding: number; readonly bytes: Buffer } {
    const column = this.#columns.get(id);
    if ((column?.count ?? 0) !== count) {
      throw this.#wrong(id, `has ${column?.count ?? 0} values, not ${count}`);
    }
    return column ?? { coding: wanted, bytes: NO_BYTES };
  }

  #wrong(id: number, why: string): Error {
    return corrupt(this.#place, `column ${id} ${why}`);
  }
}
