import { type RetraceError, toRetraceError } from '@retrace/core';
import type { Catalog } from '../catalog/catalog.js';
import type { StoredFacts } from '../group/group-stream.js';
import { GroupHistory } from '../history/group-history.js';
import { decodeSummary, HISTORY_KIND } from '../history/history-summary.js';
import type { LayerSet } from './layer-set.js';
import { SealedGroup } from './sealed-group.js';

/** What the layers know of each group: where its history goes on, and its single records. */
export class SealedGroups {
  readonly #layers: LayerSet;
  readonly #groups = new Map<number, SealedGroup>();

  constructor(layers: LayerSet) {
    this.#layers = layers;
  }

  /** A group's history up to where its records are sealed. */
  openHistory(
    groupId: number,
    catalog: Catalog,
    onDamage: (error: RetraceError) => void,
  ): GroupHistory {
    const sealed = new SealedGroup(this.#layers, groupId);
    this.#groups.set(groupId, sealed);
    const history = new GroupHistory(sealed);
    const value = catalog.get(HISTORY_KIND, String(groupId));
    try {
      if (value !== undefined) history.restore(decodeSummary(String(groupId), value));
    } catch (error) {
      onDamage(toRetraceError(error));
    }
    return history;
  }

  /** What of a sealed record is compared with one that is sent again. */
  async factsAt(groupId: number, seq: number): Promise<StoredFacts | undefined> {
    return await this.#groups.get(groupId)?.factsAt(seq);
  }
}
