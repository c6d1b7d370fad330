import { RetraceError } from '@retrace/core';
import type { Group } from './group/group.js';
import type { Volume } from './group/volume.js';
import type { SegmentIndexes } from './index/segment-indexes.js';
import type { LayerHole, LayerSet } from './layers/layer-set.js';
import type { JournalLimits } from './limits.js';
import type { Log } from './log/log.js';
import type { BlockSource } from './view/block-source.js';
import { LayerBlocks } from './view/layer-blocks.js';
import type { Leases } from './view/leases.js';
import { LostBlocks } from './view/lost-blocks.js';
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
  open(group: Group, volume: Volume, seq: number): View {
    const { index, leases, limits } = this.#options;
    let known: readonly BlockSource[] = [];
    let version = -1;
    const lease = (): SourceLease => {
      if (version !== index.version) {
        version = index.version;
        known = this.#sourcesOf(group, volume, seq);
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
    const [hole] = layers.holesOf(group.id, seq, group.history.recent.firstSeq);
    if (hole !== undefined) {
      release();
      throw lostRecords(volume.fullName, hole);
    }
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

  /** Newest first; where records are missing, whatever is older cannot be believed any more. */
  #sourcesOf(group: Group, volume: Volume, seq: number): readonly BlockSource[] {
    const { index, layers, log, onDamage } = this.#options;
    const { id: volumeId, fullName: volumeName, blockBytes } = volume;
    const shared = { volumeId, volumeName, blockBytes, onDamage };
    const segments = index
      .newestFirst()
      .map((one) => new SegmentSource({ index: one.index, payloads: log(), ...shared }));
    const [hole] = layers.holesOf(group.id, seq, group.history.recent.firstSeq);
    const sealed = layers
      .ofVolume(volumeId, seq)
      .filter(({ fromLsn }) => hole === undefined || fromLsn > hole.toLsn)
      .map((entry) => {
        const open = () => layers.volume(entry, volumeId);
        return new LayerBlocks({ open, layer: entry.layer, volumeName, blockBytes, onDamage });
      });
    if (hole === undefined) return [...segments, ...sealed];
    const lost = new LostBlocks(() => {
      const error = lostRecords(volumeName, hole);
      onDamage(error);
      return error;
    });
    return [...segments, ...sealed, lost];
  }
}

const lostRecords = (volumeName: string, hole: LayerHole): RetraceError => {
  const { fromSeq, toSeq, fromLsn, toLsn } = hole;
  const range = Number.isFinite(toSeq)
    ? `seq:${fromSeq} to seq:${toSeq}`
    : `seq:${fromSeq} and later`;
  return new RetraceError(
    'CORRUPTION',
    `${volumeName}: the layer with the records of lsn ${fromLsn} to ${toLsn} (${range}) is ` +
      `missing; instants before seq:${fromSeq} do not need it`,
    { details: { volume: volumeName, fromSeq, place: `lsn ${fromLsn} to ${toLsn}` } },
  );
};
