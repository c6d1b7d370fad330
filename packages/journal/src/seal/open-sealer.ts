import type { Clock } from '@retrace/core';
import type { Catalog } from '../catalog/catalog.js';
import type { Group } from '../group/group.js';
import { decodeSummary, HISTORY_KIND } from '../history/history-summary.js';
import type { LayerLimits } from '../layer/limits.js';
import type { LayerSet } from '../layers/layer-set.js';
import { LOG_LIMITS } from '../log/limits.js';
import type { Log } from '../log/log.js';
import type { Timers } from '../log/timers.js';
import type { Logger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import { SEAL_LIMITS, type SealLimits } from './limits.js';
import { LocalSealRunner } from './seal-runner.js';
import type { SealHistory, SealVolume } from './seal-segments.js';
import { Sealer } from './sealer.js';
import { WorkerSealRunner } from './worker-seal-runner.js';

export interface OpenSealerOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly log: Log;
  readonly layers: LayerSet;
  readonly serverUuid: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly dataDir: string;
  readonly sealing: 'worker' | 'here';
  readonly sealLimits: Partial<SealLimits> | undefined;
  readonly layerLimits: Partial<LayerLimits> | undefined;
  readonly groups: () => readonly Group[];
  readonly onSealed: (lastSegment: number) => void;
  readonly drained: () => Promise<void>;
}

/** Starts sealing for an open journal. */
export const openSealer = async (options: OpenSealerOptions): Promise<Sealer> => {
  const { storage, log, logger, catalog, groups, dataDir, sealing } = options;
  const here = new LocalSealRunner(storage, {
    // Damage is told by verify, which reads the log as long as it is there.
    chunks: (range) => log.readChunks(range, () => {}),
    readPayload: (segment, position, target) => log.readPayload(segment, position, target),
  });
  const { openFilesMax } = LOG_LIMITS;
  const runner =
    sealing === 'here'
      ? here
      : new WorkerSealRunner({ root: dataDir, openFilesMax, fallback: here, logger });
  const sealer = new Sealer({
    ...options,
    runner,
    limits: { ...SEAL_LIMITS, ...options.sealLimits },
    layerLimits: options.layerLimits ?? {},
    content: () => contentOf(groups(), catalog),
  });
  await sealer.start();
  return sealer;
};

/** The groups that have records in the log. */
const contentOf = (
  groups: readonly Group[],
  catalog: Catalog,
): { readonly volumes: readonly SealVolume[]; readonly histories: readonly SealHistory[] } => {
  const volumes: SealVolume[] = [];
  const histories: SealHistory[] = [];
  for (const group of groups) {
    if (!Number.isFinite(group.history.recent.firstSeq)) continue;
    for (const { id, groupId, blockBytes } of group.volumes) {
      volumes.push({ volumeId: id, groupId, blockBytes });
    }
    const value = catalog.get(HISTORY_KIND, String(group.id));
    if (value === undefined) continue;
    const summary = decodeSummary(String(group.id), value);
    histories.push({ groupId: group.id, summary });
  }
  return { volumes, histories };
};
