import { assert } from '@retrace/core';
import type { GroupEntry } from './layer-directory.js';
import type { LayerOutput } from './layer-output.js';
import type { LayerLimits } from './limits.js';
import { PageList } from './page-directory.js';
import { encodePart, PART } from './part.js';
import { type LayerRecord, recordPageColumns } from './record-page.js';
import { putPageList } from './row-section.js';

/** Writes the record headers of one group. */
export class GroupSection {
  readonly #groupId: number;
  readonly #output: LayerOutput;
  readonly #limits: LayerLimits;
  /** First seq, time, arrival, lsn. */
  readonly #pages = new PageList(4);
  #page: LayerRecord[] = [];
  #bodyBytes = 0;
  #records = 0;
  #fromSeq = 0;
  #toSeq = 0;

  constructor(groupId: number, output: LayerOutput, limits: LayerLimits) {
    this.#groupId = groupId;
    this.#output = output;
    this.#limits = limits;
  }

  add(record: LayerRecord): void {
    assert(record.seq > this.#toSeq, 'records ascend by seq');
    const bodyBytes = record.body?.length ?? 0;
    const { pageRecords, pageBodyBytes } = this.#limits;
    const isFull =
      this.#page.length === pageRecords ||
      (this.#bodyBytes > 0 && this.#bodyBytes + bodyBytes > pageBodyBytes);
    if (isFull) this.#endPage();
    this.#page.push(record);
    this.#bodyBytes += bodyBytes;
    this.#records++;
    if (this.#fromSeq === 0) this.#fromSeq = record.seq;
    this.#toSeq = record.seq;
  }

  #endPage(): void {
    const { seq, timeUs, arrivalUs, lsn } = this.#page[0]!;
    const columns = recordPageColumns(this.#page);
    const part = encodePart(PART.recordPage, columns, this.#limits.compressionLevel);
    this.#pages.add(this.#output.put(part), this.#page.length, seq, timeUs, arrivalUs, lsn);
    this.#page = [];
    this.#bodyBytes = 0;
  }

  /** Writes what is left, and the page directory. */
  finish(): GroupEntry {
    if (this.#page.length > 0) this.#endPage();
    const recordPages = putPageList(this.#output, PART.recordDirectory, this.#pages, this.#limits);
    return {
      groupId: this.#groupId,
      fromSeq: this.#fromSeq,
      toSeq: this.#toSeq,
      records: this.#records,
      recordPages,
    };
  }
}
