import { assert } from '@retrace/core';
import { encodeActivity } from './activity-part.js';
import type { VolumeEntry } from './layer-directory.js';
import type { LayerOutput } from './layer-output.js';
import type { LayerLimits } from './limits.js';
import { encodePart, PART, type PartRef } from './part.js';
import { RegionSection } from './region-section.js';
import { RowSection } from './row-section.js';
import type { ActivityRow, RowKind } from './rows.js';

export interface VolumeIdentity {
  readonly volumeId: number;
  readonly groupId: number;
  readonly blockBytes: number;
}

/** Writes the section of one volume: rows, then regions, then activity. */
export class VolumeSection {
  readonly #identity: VolumeIdentity;
  readonly #output: LayerOutput;
  readonly #limits: LayerLimits;
  readonly #rows: RowSection;
  #regions: RegionSection | undefined;
  #activity: PartRef | undefined;
  #seconds = 0;
  #hasActivity = false;
  #fromSeq = 0;
  #toSeq = 0;

  constructor(identity: VolumeIdentity, output: LayerOutput, limits: LayerLimits) {
    this.#identity = identity;
    this.#output = output;
    this.#limits = limits;
    this.#rows = new RowSection(output, limits, identity.blockBytes);
  }

  row(block: number, seq: number, kind: RowKind, checksum: number, data: Buffer | undefined): void {
    assert(this.#regions === undefined && !this.#hasActivity, "rows are a volume's first");
    this.#rows.add(block, seq, kind, checksum, data);
    this.#noteSeq(seq);
  }

  region(level: number, index: number, seq: number): void {
    assert(!this.#hasActivity, 'regions come before the activity');
    this.#regions ??= new RegionSection(this.#output, this.#limits);
    this.#regions.add(level, index, seq);
    this.#noteSeq(seq);
  }

  activity(rows: readonly ActivityRow[]): void {
    assert(!this.#hasActivity, 'a volume has one list of activity');
    this.#hasActivity = true;
    this.#seconds = rows.length;
    if (rows.length === 0) return;
    const part = encodePart(PART.activity, encodeActivity(rows), this.#limits.compressionLevel);
    this.#activity = this.#output.put(part);
  }

  #noteSeq(seq: number): void {
    assert(seq >= 1, 'seqs begin with 1');
    this.#fromSeq = this.#fromSeq === 0 ? seq : Math.min(this.#fromSeq, seq);
    this.#toSeq = Math.max(this.#toSeq, seq);
  }

  /** Writes what is left. */
  finish(): VolumeEntry {
    const rowPages = this.#rows.finish();
    const regionPages = this.#regions?.finish() ?? { pages: 0, at: undefined };
    return {
      volumeId: this.#identity.volumeId,
      groupId: this.#identity.groupId,
      blockBytes: this.#identity.blockBytes,
      fromSeq: this.#fromSeq,
      toSeq: this.#toSeq,
      rows: this.#rows.rows,
      firstBlock: this.#rows.firstBlock,
      lastBlock: this.#rows.lastBlock,
      dataBytes: this.#rows.dataBytes,
      regions: this.#regions?.regions ?? 0,
      levels: this.#regions?.levels ?? [],
      rowPages,
      regionPages,
      seconds: this.#seconds,
      activity: this.#activity,
    };
  }
}
