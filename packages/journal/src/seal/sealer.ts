import { type Clock, toRetraceError } from '@retrace/core';
import type { Catalog, CatalogChange } from '../catalog/catalog.js';
import { encodeSummary, HISTORY_KIND } from '../history/history-summary.js';
import type { LayerLimits } from '../layer/limits.js';
import { type LayerEntry, layerChange } from '../layers/layer-entry.js';
import { LAYER_DIRECTORY, layerPath } from '../layers/layer-paths.js';
import type { LayerSet } from '../layers/layer-set.js';
import { clearOrphans } from '../layers/orphans.js';
import type { Log } from '../log/log.js';
import { segmentName } from '../log/segment-paths.js';
import {
  catalogSegments,
  SEGMENT_KIND,
  type SegmentRecord,
  segmentChange,
} from '../log/segment-table.js';
import type { Timers } from '../log/timers.js';
import type { Logger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import { type ClosedSegment, chooseSegments } from './choose-segments.js';
import type { SealLimits } from './limits.js';
import type { SealRunner } from './seal-runner.js';
import type { SealHistory, SealJob, SealResult, SealVolume } from './seal-segments.js';

export interface SealerOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly log: Log;
  readonly layers: LayerSet;
  readonly runner: SealRunner;
  readonly serverUuid: string;
  readonly limits: SealLimits;
  readonly layerLimits: Partial<LayerLimits>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Groups and volumes that may have records in the log, and where their sealed history ends. */
  readonly content: () => {
    readonly volumes: readonly SealVolume[];
    readonly histories: readonly SealHistory[];
  };
  /** The segments up to this one are in layers: what was kept of them in memory can go. */
  readonly onSealed: (lastSegment: number) => void;
  /** Resolves when nobody reads any more what is replaced now. */
  readonly drained: () => Promise<void>;
}

/** What sealing has done since the start. */
export interface SealStats {
  layers: number;
  records: number;
  logBytes: number;
  layerBytes: number;
  failures: number;
}

/**
 * Turns closed segments of the log into layers, in order, behind the commits that go on. A segment
 * counts as sealed with one change of the catalog, which names its layer and what the histories of
 * its groups come to; its files go when the next change of this kind is durable and no read that
 * began before it is under way.
 */
export class Sealer {
  readonly #options: SealerOptions;
  readonly stats: SealStats = { layers: 0, records: 0, logBytes: 0, layerBytes: 0, failures: 0 };
  #running: Promise<void> | undefined;
  #again = false;
  #cancelTimer: (() => void) | undefined;
  #retryMs: number;
  #closed = false;
  /** Sealed by the newest change: their files stay until the next one. */
  #spared: readonly number[] = [];
  /** Their files are gone; their entries in the catalog go with the next change. */
  readonly #gone: number[] = [];

  constructor(options: SealerOptions) {
    this.#options = options;
    this.#retryMs = options.limits.sealRetryMsMin;
  }

  /** Takes up what an earlier run has left: files of segments that are sealed. */
  async start(): Promise<void> {
    const { layers } = this.#options;
    const newest = layers.entries.at(-1)?.layer;
    const sealed = this.#records().filter(({ layer }) => layer !== undefined);
    this.#spared = numbersOf(sealed.filter(({ layer }) => layer === newest));
    const earlier: number[] = [];
    for (const record of sealed) {
      if (record.layer === newest || !(await this.#isCovered(record))) continue;
      earlier.push(record.segment);
    }
    await this.#removeFiles(earlier);
    await this.#clearOrphans();
    this.wake();
  }

  /** Nothing is removed unless what remains covers every record. */
  async #clearOrphans(): Promise<void> {
    const { catalog, layers, log, storage, logger } = this.#options;
    const problems = [...catalog.problems(), ...layers.problems(), ...log.problems()];
    const firstLsn = log.segments()[0]?.firstLsn ?? log.lastLsn + 1;
    if (problems.length > 0 || firstLsn > layers.lastLsn + 1) return;
    try {
      const known = new Set(layers.entries.map(({ layer }) => layer));
      await clearOrphans(storage, known, logger);
    } catch (error) {
      logger.warn({ err: error }, 'files that nothing needs could not be cleared away');
    }
  }

  /** The layer of a sealed segment is there, as large as it should be. */
  async #isCovered({ layer }: SegmentRecord): Promise<boolean> {
    const { layers, storage } = this.#options;
    const entry = layers.entries.find((candidate) => candidate.layer === layer);
    return entry !== undefined && (await storage.size(layerPath(entry.layer))) === entry.bytes;
  }

  /** Looks whether there is anything to seal: a segment has been closed, or time has passed. */
  wake(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      this.#wait(this.#options.limits.sealCheckMs);
    });
  }

  /** Resolves when nothing is being sealed. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #wait(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.timers.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.wake();
    });
  }

  async #run(): Promise<void> {
    const { logger, limits } = this.#options;
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        while (!this.#closed && (await this.#sealNext())) this.#retryMs = limits.sealRetryMsMin;
      } catch (error) {
        if (this.#closed) return;
        this.stats.failures += 1;
        logger.error({ err: toRetraceError(error) }, 'sealing failed; it is tried again');
        await this.#pause();
        this.#again = true;
      }
    }
  }

  /** After a failure; ends early when the journal closes. */
  async #pause(): Promise<void> {
    const { timers, limits } = this.#options;
    await new Promise<void>((resolve) => {
      const cancel = timers.after(this.#retryMs, resolve);
      this.#cancelTimer = () => {
        cancel();
        resolve();
      };
    });
    this.#cancelTimer = undefined;
    this.#retryMs = Math.min(this.#retryMs * 2, limits.sealRetryMsMax);
  }

  /** Seals what is due. @returns false when nothing is */
  async #sealNext(): Promise<boolean> {
    const { clock, limits, log } = this.#options;
    const records = new Map(this.#records().map((record) => [record.segment, record]));
    const closed: ClosedSegment[] = [];
    for (const range of log.closedSegments()) {
      const lastArrivalUs = records.get(range.segment)?.end?.lastArrivalUs;
      // One that the catalog does not have closed yet, nor any behind it.
      if (lastArrivalUs === undefined) break;
      closed.push({ ...range, lastArrivalUs });
    }
    const chosen = chooseSegments(closed, clock.nowUs(), limits);
    if (chosen.length === 0) return false;
    await this.#seal(chosen, records);
    return true;
  }

  async #seal(
    chosen: readonly ClosedSegment[],
    records: ReadonlyMap<number, SegmentRecord>,
  ): Promise<void> {
    const { layers, runner, serverUuid, layerLimits, content, clock, logger } = this.#options;
    const startedUs = clock.nowUs();
    const layer = layers.takeNumber();
    const job: SealJob = {
      segments: chosen.filter(({ firstLsn, lastLsn }) => lastLsn >= firstLsn),
      ...{ layer, path: layerPath(layer), serverUuid, limits: layerLimits },
      ...content(),
    };
    const result = await runner.run(job);
    await this.#install(
      result,
      chosen.map(({ segment }) => records.get(segment)!),
    );
    const { bytes } = result.layer;
    const logBytes = chosen.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
    const sealed = result.layer.groups.reduce((sum, group) => sum + group.records, 0);
    this.stats.layers += 1;
    this.stats.records += sealed;
    this.stats.logBytes += logBytes;
    this.stats.layerBytes += bytes;
    const ms = Math.round((clock.nowUs() - startedUs) / 1000);
    logger.info({ layer, records: sealed, logBytes, bytes, ms }, 'sealed a part of the log');
  }

  async #install(result: SealResult, sealed: readonly SegmentRecord[]): Promise<void> {
    const { storage, catalog, layers, log, onSealed, drained } = this.#options;
    const entry: LayerEntry = { ...result.layer, lostBlocks: result.lostBlocks };
    await storage.syncDirectory(LAYER_DIRECTORY);
    const gone = [...this.#gone];
    await catalog.put([
      layerChange(entry),
      ...result.histories.map(({ groupId, summary }) => ({
        ...{ kind: HISTORY_KIND, id: String(groupId) },
        value: encodeSummary(summary),
      })),
      ...sealed.map((record) => segmentChange({ ...record, layer: entry.layer })),
      ...gone.map(removal),
    ]);
    // Between these nothing is awaited: a read sees all of it or nothing.
    const last = sealed.at(-1)!.segment;
    layers.add(entry);
    log.drop(last);
    onSealed(last);
    this.#gone.splice(0, gone.length);
    const spared = this.#spared;
    this.#spared = numbersOf(sealed);
    // Not waited for: whoever reads may take long, and sealing goes on.
    void drained().then(async () => {
      if (!this.#closed) await this.#removeFiles(spared);
    });
  }

  /** What cannot be removed now is removed by a later start. */
  async #removeFiles(segments: readonly number[]): Promise<void> {
    if (segments.length === 0) return;
    try {
      await this.#options.log.removeFiles(segments);
      this.#gone.push(...segments);
    } catch (error) {
      this.#options.logger.warn({ err: error, segments }, 'sealed segments cannot be removed');
    }
  }

  #records(): readonly SegmentRecord[] {
    return [...catalogSegments(this.#options.catalog).records.values()];
  }

  /** Ends what is under way: a layer that is half made is made again by the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#options.runner.close();
    await this.#running;
  }
}

const numbersOf = (records: readonly SegmentRecord[]): number[] =>
  records.map(({ segment }) => segment);

const removal = (segment: number): CatalogChange => ({
  kind: SEGMENT_KIND,
  id: segmentName(segment),
  value: undefined,
});
