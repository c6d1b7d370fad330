import { crc32c, RetraceError } from '@retrace/core';
import { CODEC } from '../codec/codec.js';
import { decodeActivity } from './activity-part.js';
import { corrupt } from './corrupt.js';
import type { VolumeEntry } from './layer-directory.js';
import {
  type LayerPiece,
  type LayerRun,
  PieceCollector,
  type RowPlace,
  RunCollector,
} from './layer-pieces.js';
import type { LayerSource } from './layer-source.js';
import { LAYER_BOUNDS, type LayerLimits } from './limits.js';
import { REGION_PAGES, rowPages } from './page-formats.js';
import { type PageFormat, PageSet } from './page-set.js';
import { PART } from './part.js';
import { type Collector, RangeSweep } from './range-sweep.js';
import { RowBatch } from './row-batch.js';
import type { RowPage } from './row-page.js';
import { type ActivityRow, indexOfKey, type LayerRegion, levelOfKey } from './rows.js';
import type { VersionPage } from './version-page.js';

/** More than a page has rows: tells rows of one chunk apart in a cache's keys. */
const ROWS_SPAN = LAYER_BOUNDS.pageRows + 1;

/** How much one range query may answer. */
export interface LayerBudget {
  /** Pieces or runs; at least 1. */
  readonly piecesMax: number;
}

/** One volume in a layer. Bounds are inclusive; seqs are 0 where there is nothing. */
export class LayerVolume {
  readonly volumeId: number;
  readonly groupId: number;
  readonly blockBytes: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly rows: number;
  readonly regions: number;
  /** The levels that have regions, ascending. */
  readonly levels: readonly number[];
  readonly firstBlock: number;
  readonly lastBlock: number;
  /** Bytes of the rows' payloads before compression. */
  readonly dataBytes: number;
  readonly #entry: VolumeEntry;
  readonly #source: LayerSource;
  readonly #limits: LayerLimits;
  readonly #rowFormat: PageFormat<RowPage>;

  constructor(entry: VolumeEntry, source: LayerSource, limits: LayerLimits) {
    this.volumeId = entry.volumeId;
    this.groupId = entry.groupId;
    this.blockBytes = entry.blockBytes;
    this.fromSeq = entry.fromSeq;
    this.toSeq = entry.toSeq;
    this.rows = entry.rows;
    this.regions = entry.regions;
    this.levels = entry.levels;
    this.firstBlock = entry.firstBlock;
    this.lastBlock = entry.lastBlock;
    this.dataBytes = entry.dataBytes;
    this.#entry = entry;
    this.#source = source;
    this.#limits = limits;
    this.#rowFormat = rowPages(entry.blockBytes);
  }

  /**
   * What [start, start + blocks) reads as at `seq` from this layer alone: consecutive pieces from
   * `start`, each with its newest version whose seq is at most `seq`. Stops early, at least one
   * piece long, at a budget. Without a promise when all it needs is in memory.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  pieces(
    start: number,
    blocks: number,
    seq: number,
    { piecesMax }: LayerBudget,
  ): readonly LayerPiece[] | Promise<readonly LayerPiece[]> {
    const collector = new PieceCollector(piecesMax);
    const running = this.#sweep(start, blocks, seq, collector);
    return running === undefined ? collector.pieces : running.then(() => collector.pieces);
  }

  /**
   * The same by what is stored and what is not. Costs what there is of rows and regions in the
   * range, never its length.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  dataRuns(
    start: number,
    blocks: number,
    seq: number,
    { piecesMax }: LayerBudget,
  ): readonly LayerRun[] | Promise<readonly LayerRun[]> {
    const collector = new RunCollector(piecesMax);
    const running = this.#sweep(start, blocks, seq, collector);
    return running === undefined ? collector.runs : running.then(() => collector.runs);
  }

  #sweep(
    start: number,
    blocks: number,
    seq: number,
    collector: Collector,
  ): undefined | Promise<void> {
    const isEmpty = this.fromSeq === 0 || seq < this.fromSeq;
    const hasRows = !isEmpty && start <= this.lastBlock && start + blocks > this.firstBlock;
    const rows = hasRows ? this.rowPages() : undefined;
    const regions = isEmpty ? undefined : this.regionPages();
    if (rows instanceof Promise || regions instanceof Promise) {
      return Promise.all([rows, regions]).then(([rowSet, regionSet]) =>
        this.#sweepOver(rowSet, regionSet, start, blocks, seq, collector),
      );
    }
    return this.#sweepOver(rows, regions, start, blocks, seq, collector);
  }

  #sweepOver(
    rows: PageSet<RowPage> | undefined,
    regions: PageSet<VersionPage> | undefined,
    start: number,
    blocks: number,
    seq: number,
    collector: Collector,
  ): undefined | Promise<void> {
    const pagesMax = this.#limits.queryPagesMax;
    const { levels } = this;
    return new RangeSweep({
      rows,
      regions,
      levels,
      seq,
      start,
      blocks,
      pagesMax,
      collector,
    }).run();
  }

  /** The pages of its rows; undefined when it has none. For who reads or checks them in order. */
  rowPages(): PageSet<RowPage> | Promise<PageSet<RowPage>> | undefined {
    return PageSet.open(this.#source, this.#rowFormat, this.#entry.rowPages);
  }

  /** The pages of its regions; undefined when it has none. */
  regionPages(): PageSet<VersionPage> | Promise<PageSet<VersionPage>> | undefined {
    return PageSet.open(this.#source, REGION_PAGES, this.#entry.regionPages);
  }

  /**
   * Fills `target` with the bytes of a data piece's block, from byte `skip` of the block on. What
   * is beyond the payload of a short block is filled with zeros. Undefined when that was done
   * without waiting.
   * @throws RetraceError CORRUPTION when the block is not what was written; STORAGE_FAILED
   */
  read(place: RowPlace, target: Buffer, skip: number): undefined | Promise<void> {
    const { page, row } = place;
    const ref = page.chunks[page.chunkOf[row]!]!;
    const at = page.payloadAt[row]!;
    const end = at + page.payloadBytes[row]!;
    if (ref.codec === CODEC.raw) {
      // The block's own checksum is enough: no need for all the others of a chunk that is raw.
      const stored = this.#source.readBlock(ref.position + at, end - at);
      return this.#finish(place, stored, target, skip);
    }
    const { blocks } = this.#source;
    const key = ref.position * ROWS_SPAN + row;
    const known = blocks.get(key);
    if (known !== undefined) return this.#copy(place, known, target, skip);
    const pick = (chunk: Buffer): Buffer => {
      const payload = chunk.subarray(at, end);
      if (key <= Number.MAX_SAFE_INTEGER) blocks.put(key, payload);
      return payload;
    };
    const chunk = this.#source.cachedChunk(ref);
    const payload = chunk === undefined ? this.#source.loadChunk(ref).then(pick) : pick(chunk);
    return this.#finish(place, payload, target, skip);
  }

  #finish(
    place: RowPlace,
    stored: Buffer | Promise<Buffer>,
    target: Buffer,
    skip: number,
  ): undefined | Promise<void> {
    if (!(stored instanceof Promise)) return this.#copy(place, stored, target, skip);
    return stored.then(
      (payload) => this.#copy(place, payload, target, skip),
      (error: unknown) => {
        throw this.#named(error, place);
      },
    );
  }

  #copy(place: RowPlace, payload: Buffer, target: Buffer, skip: number): undefined {
    const { page, row } = place;
    if (crc32c(payload) !== page.checksums[row]) {
      const ref = page.chunks[page.chunkOf[row]!]!;
      const where = this.#source.place(ref.position);
      const why =
        `the bytes of block ${page.keys[row]}, written at seq:${page.seqs[row]}, are not ` +
        'what was written';
      throw this.#named(corrupt(where, why), place);
    }
    const copied = skip < payload.length ? payload.copy(target, 0, skip) : 0;
    if (copied < target.length) target.fill(0, copied);
    return undefined;
  }

  /** Says whose bytes are damaged. */
  #named(error: unknown, { page, row }: RowPlace): unknown {
    if (!(error instanceof RetraceError) || error.code !== 'CORRUPTION') return error;
    const { volumeId } = this;
    const seq = page.seqs[row]!;
    const block = page.keys[row]!;
    return new RetraceError('CORRUPTION', error.message, {
      details: { ...error.details, volumeId, block, seq },
      cause: error,
    });
  }

  /**
   * All rows in order, with their payloads: for merging, and for reading a layer through. Holds one
   * page and one chunk at a time, and leaves the caches alone.
   * @throws RetraceError CORRUPTION for a damaged page; damaged payloads are the batch's
   */
  async *scanRows(): AsyncGenerator<RowBatch> {
    const pages = await this.rowPages();
    for (let index = 0; index < (pages?.count ?? 0); index++) {
      const page = await pages!.read(index);
      if (page.chunks.length === 0) yield RowBatch.withoutData(page);
      for (let chunk = 0; chunk < page.chunks.length; chunk++) {
        yield await RowBatch.read(page, chunk, this.#source);
      }
    }
  }

  /** All regions in order, a page at a time. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async *scanRegions(): AsyncGenerator<readonly LayerRegion[]> {
    const pages = await this.regionPages();
    for (let index = 0; index < (pages?.count ?? 0); index++) {
      const { keys, seqs } = await pages!.read(index);
      yield Array.from(keys, (key, row) => ({
        level: levelOfKey(key),
        index: indexOfKey(key),
        seq: seqs[row]!,
      }));
    }
  }

  /** What the volume did by the second. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async activity(): Promise<readonly ActivityRow[]> {
    const { activity, seconds } = this.#entry;
    if (activity === undefined) return [];
    const part = await this.#source.part(PART.activity, activity, LAYER_BOUNDS.tablePlainBytes);
    return decodeActivity(part, seconds);
  }
}
