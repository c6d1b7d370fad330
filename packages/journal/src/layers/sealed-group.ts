import { crc32c, NO_CHECKSUMS, RECORD_KIND, RetraceError } from '@retrace/core';
import type { StoredFacts } from '../group/group-stream.js';
import type { SealedRecords } from '../history/group-history.js';
import type { LayerGroup } from '../layer/layer-group.js';
import type { LayerRecord } from '../layer/record-page.js';
import type { LayerEntry } from './layer-entry.js';
import type { LayerSet } from './layer-set.js';

/** The records of one group that are in layers. */
export class SealedGroup implements SealedRecords {
  readonly #layers: LayerSet;
  readonly #groupId: number;

  constructor(layers: LayerSet, groupId: number) {
    this.#layers = layers;
    this.#groupId = groupId;
  }

  /** A lost record took place at the time of the one before it. */
  async timeOf(seq: number): Promise<number> {
    const entry = this.#layers
      .ofGroup(this.#groupId)
      .findLast(({ groups }) =>
        groups.some((g) => g.groupId === this.#groupId && g.fromSeq <= seq),
      );
    const record = entry && (await (await this.#open(entry)).lastAtMost(seq));
    return record?.timeUs ?? 0;
  }

  async lastSeqAtTime(timeUs: number): Promise<number> {
    return await this.#newest((group) => group.lastSeqAtTime(timeUs));
  }

  async lastSeqAtArrival(arrivalUs: number): Promise<number> {
    return await this.#newest((group) => group.lastSeqAtArrival(arrivalUs));
  }

  /** The record of a seq; undefined when it is in no layer. */
  async recordAt(seq: number): Promise<LayerRecord | undefined> {
    const entry = this.#layers
      .ofGroup(this.#groupId)
      .find(({ groups }) =>
        groups.some((g) => g.groupId === this.#groupId && g.fromSeq <= seq && seq <= g.toSeq),
      );
    return entry && (await (await this.#open(entry)).recordAt(seq));
  }

  /** What of a record is compared with one that is sent again; undefined when it cannot be had. */
  async factsAt(seq: number): Promise<StoredFacts | undefined> {
    const record = await this.recordAt(seq);
    const checksums = record && (await this.#checksums(record));
    if (record === undefined || checksums === undefined) return undefined;
    const { kind, offset, length } = record;
    return { kind, offset, length, checksums };
  }

  async #checksums(record: LayerRecord): Promise<Uint32Array | undefined> {
    const { kind, body, seq, volumeId, offset, length } = record;
    if (body !== undefined) return Uint32Array.of(crc32c(body));
    if (kind !== RECORD_KIND.write) return NO_CHECKSUMS;
    const entry = this.#layers.ofVolume(volumeId, seq)[0];
    const volume = entry && (await this.#layers.volume(entry, volumeId));
    if (volume === undefined) return undefined;
    const blocks = Math.ceil(length / volume.blockBytes);
    const first = offset / volume.blockBytes;
    const sums = new Uint32Array(blocks);
    for (let at = 0; at < blocks; ) {
      const pieces = await volume.pieces(first + at, blocks - at, seq, { piecesMax: blocks });
      for (const { startBlock, blocks: count, place } of pieces) {
        if (place === undefined) return undefined;
        sums[startBlock - first] = place.page.checksums[place.row]!;
        at = startBlock + count - first;
      }
    }
    return sums;
  }

  async #newest(ask: (group: LayerGroup) => Promise<number>): Promise<number> {
    for (const entry of this.#layers.ofGroup(this.#groupId).toReversed()) {
      const seq = await ask(await this.#open(entry));
      if (seq > 0) return seq;
    }
    return 0;
  }

  async #open(entry: LayerEntry): Promise<LayerGroup> {
    const group = (await this.#layers.file(entry)).group(this.#groupId);
    if (group !== undefined) return group;
    throw new RetraceError('CORRUPTION', `layer ${entry.layer} lacks group ${this.#groupId}`);
  }
}
