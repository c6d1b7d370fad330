import type { GroupEntry } from './layer-directory.js';
import type { LayerSource } from './layer-source.js';
import { RECORD_PAGES } from './page-formats.js';
import { PageSet } from './page-set.js';
import type { LayerRecord, RecordPage } from './record-page.js';

/** Columns of a record page's first key. */
const KEY = { seq: 0, timeUs: 1, arrivalUs: 2 } as const;

/** How many of `length` ascending values, given by index, are at most `value`. */
const countAtMost = (length: number, at: (index: number) => number, value: number): number => {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** One group's records in a layer. Bounds are inclusive; seqs ascend and need not be dense. */
export class LayerGroup {
  readonly groupId: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly records: number;
  readonly #entry: GroupEntry;
  readonly #source: LayerSource;

  constructor(entry: GroupEntry, source: LayerSource) {
    this.groupId = entry.groupId;
    this.fromSeq = entry.fromSeq;
    this.toSeq = entry.toSeq;
    this.records = entry.records;
    this.#entry = entry;
    this.#source = source;
  }

  /** The pages of its records; undefined when it has none. */
  recordPages(): PageSet<RecordPage> | Promise<PageSet<RecordPage>> | undefined {
    return PageSet.open(this.#source, RECORD_PAGES, this.#entry.recordPages);
  }

  /**
   * Records in order of their seq, a page at a time: what reads millions of them should not wait
   * for each. Leaves the caches alone.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  async *scanPages(
    fromSeq = 0,
    toSeq: number = Number.MAX_SAFE_INTEGER,
  ): AsyncGenerator<readonly LayerRecord[]> {
    const pages = await this.recordPages();
    if (pages === undefined || toSeq < this.fromSeq || fromSeq > this.toSeq) return;
    const firstSeqs = pages.directory.first[KEY.seq]!;
    const first = countAtMost(pages.count, (page) => firstSeqs[page]!, fromSeq) - 1;
    for (let index = Math.max(first, 0); index < pages.count; index++) {
      if (firstSeqs[index]! > toSeq) return;
      const { records } = await pages.read(index);
      const from = countAtMost(records.length, (row) => records[row]!.seq, fromSeq - 1);
      const to = countAtMost(records.length, (row) => records[row]!.seq, toSeq);
      if (from < to) yield to - from === records.length ? records : records.slice(from, to);
    }
  }

  /** The same record by record. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async *scan(fromSeq?: number, toSeq?: number): AsyncGenerator<LayerRecord> {
    for await (const records of this.scanPages(fromSeq, toSeq)) yield* records;
  }

  /** The record of a seq, where it is here. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async recordAt(seq: number): Promise<LayerRecord | undefined> {
    const record = await this.#lastAtMost(KEY.seq, 'seq', seq);
    return record?.seq === seq ? record : undefined;
  }

  /**
   * The record of the largest seq that is at most `seq`; undefined when all are later.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  lastAtMost(seq: number): Promise<LayerRecord | undefined> {
    return this.#lastAtMost(KEY.seq, 'seq', seq);
  }

  /**
   * The largest seq whose time is at most `timeUs`; 0 when there is none.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  async lastSeqAtTime(timeUs: number): Promise<number> {
    return (await this.#lastAtMost(KEY.timeUs, 'timeUs', timeUs))?.seq ?? 0;
  }

  /** The same by arrival. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async lastSeqAtArrival(arrivalUs: number): Promise<number> {
    return (await this.#lastAtMost(KEY.arrivalUs, 'arrivalUs', arrivalUs))?.seq ?? 0;
  }

  /** The last record whose field is at most `value`: none of the three ever decreases. */
  async #lastAtMost(
    key: (typeof KEY)[keyof typeof KEY],
    field: keyof typeof KEY,
    value: number,
  ): Promise<LayerRecord | undefined> {
    const pages = await this.recordPages();
    if (pages === undefined) return undefined;
    const first = pages.directory.first[key]!;
    const index = countAtMost(pages.count, (page) => first[page]!, value) - 1;
    if (index < 0) return undefined;
    const { records } = await pages.load(index);
    return records[countAtMost(records.length, (row) => records[row]![field], value) - 1];
  }
}
