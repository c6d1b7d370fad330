import { assert } from '@retrace/core';
import { compress } from '../codec/codec.js';
import type { PagesRef } from './layer-directory.js';
import type { LayerOutput } from './layer-output.js';
import type { LayerLimits } from './limits.js';
import { PageList } from './page-directory.js';
import { encodePart, PART } from './part.js';
import { type ChunkRef, rowPageColumns } from './row-page.js';
import { ROW_KIND, type RowKind } from './rows.js';
import { isBefore } from './version-page.js';

/** Writes the rows of one volume: chunks of payloads, and behind each few of them their page. */
export class RowSection {
  readonly #output: LayerOutput;
  readonly #limits: LayerLimits;
  readonly #blockBytes: number;
  readonly #pages = new PageList(2);
  readonly #blocks: Float64Array;
  readonly #seqs: Float64Array;
  readonly #kinds: Uint8Array;
  /** Rows of the page so far. */
  #count = 0;
  #checksums: number[] = [];
  #shortRows: number[] = [];
  #shortLengths: number[] = [];
  #chunks: ChunkRef[] = [];
  #chunk: Buffer | undefined;
  #chunkBytes = 0;
  #chunkRows = 0;
  #lastBlock = -1;
  #lastSeq = -1;
  rows = 0;
  dataBytes = 0;
  firstBlock = 0;

  constructor(output: LayerOutput, limits: LayerLimits, blockBytes: number) {
    this.#output = output;
    this.#limits = limits;
    this.#blockBytes = blockBytes;
    this.#blocks = new Float64Array(limits.pageRows);
    this.#seqs = new Float64Array(limits.pageRows);
    this.#kinds = new Uint8Array(limits.pageRows);
  }

  /** Block of the last row; 0 without any. */
  get lastBlock(): number {
    return Math.max(this.#lastBlock, 0);
  }

  add(block: number, seq: number, kind: RowKind, checksum: number, data: Buffer | undefined): void {
    assert(isBefore(this.#lastBlock, this.#lastSeq, block, seq), 'rows ascend by block and seq');
    assert((kind === ROW_KIND.data) === (data !== undefined), 'data rows have data, no others');
    if (this.#count === this.#limits.pageRows) this.#endPage();
    if (data !== undefined) this.#addData(checksum, data);
    if (this.rows === 0) this.firstBlock = block;
    this.#blocks[this.#count] = block;
    this.#seqs[this.#count] = seq;
    this.#kinds[this.#count] = kind;
    this.#count++;
    this.#chunkRows++;
    this.rows++;
    this.#lastBlock = block;
    this.#lastSeq = seq;
  }

  #addData(checksum: number, data: Buffer): void {
    const { chunkBytes } = this.#limits;
    assert(data.length > 0 && data.length <= this.#blockBytes, 'a payload is one block');
    if (this.#chunkBytes > 0 && this.#chunkBytes + data.length > chunkBytes) this.#endChunk();
    this.#chunk ??= Buffer.allocUnsafeSlow(Math.max(chunkBytes, this.#blockBytes));
    data.copy(this.#chunk, this.#chunkBytes);
    this.#chunkBytes += data.length;
    this.dataBytes += data.length;
    this.#checksums.push(checksum);
    if (data.length === this.#blockBytes) return;
    this.#shortRows.push(this.#count);
    this.#shortLengths.push(data.length);
  }

  #endChunk(): void {
    const plain = this.#chunk!.subarray(0, this.#chunkBytes);
    const { codec, bytes } = compress(plain, { level: this.#limits.compressionLevel });
    const isFew = bytes === plain && bytes.length < this.#chunk!.length / 2;
    const stored = isFew ? Buffer.from(bytes) : bytes;
    const { position, crc } = this.#output.put([stored]);
    this.#chunks.push({
      position,
      storedBytes: bytes.length,
      plainBytes: plain.length,
      codec,
      crc,
      rows: this.#chunkRows,
    });
    // What is stored raw waits in the chunk itself until it is flushed.
    if (stored === plain) this.#chunk = undefined;
    this.#chunkBytes = 0;
    this.#chunkRows = 0;
  }

  #endPage(): void {
    // Without a chunk the page has no data at all: a chunk ends only where the next one begins.
    if (this.#chunkBytes > 0) this.#endChunk();
    this.#chunkRows = 0;
    const [columns, tail] = rowPageColumns({
      count: this.#count,
      blocks: this.#blocks,
      seqs: this.#seqs,
      kinds: this.#kinds,
      checksums: this.#checksums,
      shortRows: this.#shortRows,
      shortLengths: this.#shortLengths,
      chunks: this.#chunks,
    });
    const part = encodePart(PART.rowPage, columns, this.#limits.compressionLevel, tail);
    this.#pages.add(this.#output.put(part), this.#count, this.#blocks[0]!, this.#seqs[0]!);
    this.#count = 0;
    this.#checksums = [];
    this.#shortRows = [];
    this.#shortLengths = [];
    this.#chunks = [];
  }

  /** Writes what is left, and the page directory. */
  finish(): PagesRef {
    if (this.#count > 0) this.#endPage();
    this.#chunk = undefined;
    return putPageList(this.#output, PART.rowDirectory, this.#pages, this.#limits);
  }
}

/** Writes a page directory, unless there are no pages. */
export const putPageList = (
  output: LayerOutput,
  kind: typeof PART.rowDirectory | typeof PART.regionDirectory | typeof PART.recordDirectory,
  list: PageList,
  limits: LayerLimits,
): PagesRef => {
  const { pages } = list;
  if (pages === 0) return { pages, at: undefined };
  const at = output.put(encodePart(kind, list.columns(), limits.compressionLevel));
  return { pages, at };
};
