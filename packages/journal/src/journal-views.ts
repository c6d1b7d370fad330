import type { RetraceError } from '@retrace/core';
import type { Group } from './group/group.js';
import type { Volume } from './group/volume.js';
import type { SegmentIndexes } from './index/segment-indexes.js';
import type { LayerSet } from './layers/layer-set.js';
import type { JournalLimits } from './limits.js';
import type { Log } from './log/log.js';
import type { BlockSource } from './view/block-source.js';
import { LayerBlocks } from './view/layer-blocks.js';
import type { Leases } from './view/leases.js';
import { replay } from './view/replay-view.js';
import { SegmentSource } from './view/segment-source.js';
import { type SourceLease, StackedView, type View } from './view/view.js';

export interface JournalViewsOptions {
  readonly index: SegmentIndexes;
  readonly layers: LayerSet;
  readonly log: () => Log;
  readonly leases: Leases;
  readonly limits: JournalLimits;
  readonly onDamage: (error: RetraceError) => void;
}

/** Opens views over the log and the layers as they are at each read. */
export class JournalViews {
  readonly #options: JournalViewsOptions;

  constructor(options: JournalViewsOptions) {
    this.#options = options;
  }

  /** A volume at a stored seq, by the indexes. */
  open(volume: Volume, seq: number): View {
    const { index, leases, limits } = this.#options;
    let known: readonly BlockSource[] = [];
    let version = -1;
    const lease = (): SourceLease => {
      if (version !== index.version) {
        version = index.version;
        known = this.#sourcesOf(volume, seq);
      }
      return { sources: known, release: leases.take() };
    };
    const { blockBytes } = volume;
    const sizeBytes = volume.sizeAt(seq);
    return new StackedView({ lease, limits, seq, sizeBytes, blockBytes, onClose: () => {} });
  }

  /** The same by plain replay of layers and log. */
  async replay(group: Group, volume: Volume, seq: number): Promise<View> {
    const { layers, leases, log } = this.#options;
    const release = leases.take();
    const { id: volumeId, blockBytes } = volume;
    const entries = layers.ofVolume(volumeId, seq).toReversed();
    const lastLsn = group.history.recent.lsnOf(seq) ?? 0;
    const firstLsn = layers.lastLsn + 1;
    const view = await replay({
      layers: entries.map((entry) => () => layers.volume(entry, volumeId)),
      records: log().scan(firstLsn, lastLsn, { onHole: () => {} }),
      payloads: log(),
      shape: { volumeId, sizeBytes: volume.sizeAt(seq), blockBytes },
      seq,
      onClose: release,
    }).catch((error: unknown) => {
      release();
      throw error;
    });
    return view;
  }

  #sourcesOf(volume: Volume, seq: number): readonly BlockSource[] {
    const { index, layers, log, onDamage } = this.#options;
    const { id: volumeId, fullName: volumeName, blockBytes } = volume;
    const shared = { volumeId, volumeName, blockBytes, onDamage };
    const segments = index
      .newestFirst()
      .map((one) => new SegmentSource({ index: one.index, payloads: log(), ...shared }));
    const sealed = layers.ofVolume(volumeId, seq).map((entry) => {
      const open = () => layers.volume(entry, volumeId);
      return new LayerBlocks({ open, layer: entry.layer, volumeName, blockBytes, onDamage });
    });
    return [...segments, ...sealed];
  }
}
