import {
  type Clock,
  changesContent,
  type GroupDefinition,
  type InstantRequest,
  RetraceError,
  type TargetRef,
  type VolumeDefinition,
  type VolumeId,
  type VolumeRef,
} from '@retrace/core';
import type { Catalog } from './catalog/catalog.js';
import type { Group } from './group/group.js';
import type { StoredFacts } from './group/group-stream.js';
import { Registry } from './group/registry.js';
import type { Volume } from './group/volume.js';
import { type Resolution, resolveTarget } from './history/resolve-target.js';
import { type Timeline, type TimelineSpan, timelineOf } from './history/timeline.js';
import { SegmentIndexes } from './index/segment-indexes.js';
import { compareWithReplay, type VerifyOptions, type VerifyReport } from './journal-verify.js';
import { JournalViews } from './journal-views.js';
import type { LayerLimits } from './layer/limits.js';
import { LayerSet } from './layers/layer-set.js';
import { SealedGroups } from './layers/sealed-groups.js';
import { JOURNAL_LIMITS, type JournalLimits } from './limits.js';
import type { LogLimits } from './log/limits.js';
import { Log } from './log/log.js';
import type { CommitInfo, LogRecord } from './log/log-record.js';
import type { CommitMeasure } from './log/log-stats.js';
import { systemTimers, type Timers } from './log/timers.js';
import { type OpenDirectory, openDirectory } from './open-journal.js';
import type { SealLimits } from './seal/limits.js';
import { openSealer } from './seal/open-sealer.js';
import type { Sealer } from './seal/sealer.js';
import type { Damage } from './storage/damage.js';
import type { Logger } from './storage/logger.js';
import { verifyLayers } from './verify/verify-layers.js';
import { verifyLog } from './verify/verify-log.js';
import { DamageBook } from './view/damage-book.js';
import { Leases } from './view/leases.js';
import type { View } from './view/view.js';

export interface JournalOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<JournalLimits> | undefined;
  /** Limits of the log alone: segment sizes, idle times. */
  readonly logLimits?: Partial<LogLimits> | undefined;
  /** When segments become layers, and how these are cut. */
  readonly sealLimits?: Partial<SealLimits> | undefined;
  readonly layerLimits?: Partial<LayerLimits> | undefined;
  /** Who seals: a thread of its own, this one (tests), or nobody: a directory is only checked. */
  readonly sealing?: 'worker' | 'here' | 'off' | undefined;
  readonly timers?: Timers | undefined;
  /** Told of every commit, for metrics. */
  readonly onCommit?: (measure: CommitMeasure) => void;
}

/**
 * A journal in a data directory: every write of every volume, in order, and any instant of them as
 * a view. One process has it open at a time.
 */
export class Journal {
  readonly serverUuid: string;
  readonly metadata: Catalog;
  readonly #clock: Clock;
  readonly #limits: JournalLimits;
  readonly #open: OpenDirectory;
  readonly #registry: Registry;
  readonly #index = new SegmentIndexes();
  readonly #damage = new DamageBook();
  readonly #leases = new Leases();
  readonly #layers: LayerSet;
  readonly #sealed: SealedGroups;
  readonly #views: JournalViews;
  #log!: Log;
  #sealer: Sealer | undefined;
  #newestSegment = 0;
  #closed = false;

  private constructor(options: JournalOptions, open: OpenDirectory) {
    this.#clock = options.clock;
    this.#limits = { ...JOURNAL_LIMITS, ...options.limits };
    this.#open = open;
    this.serverUuid = open.directory.serverUuid;
    this.metadata = open.catalog;
    this.#layers = new LayerSet(open.storage, {
      pageBytesMax: this.#limits.layerPageBytesMax,
      chunkBytesMax: this.#limits.layerChunkBytesMax,
      blockBytesMax: this.#limits.layerBlockBytesMax,
    });
    this.#sealed = new SealedGroups(this.#layers);
    this.#views = new JournalViews({
      index: this.#index,
      layers: this.#layers,
      log: () => this.#log,
      leases: this.#leases,
      limits: this.#limits,
      onDamage: (error) => this.#damage.note(error),
    });
    this.#registry = new Registry({
      catalog: open.catalog,
      clock: options.clock,
      volumesMax: this.#limits.volumesMax,
      log: {
        append: (inputs) => this.#log.append(inputs),
        noteWatermark: (groupId, timeUs, seq) => this.#log.noteWatermark(groupId, timeUs, seq),
        readRecord: (groupId, seq) => this.#readRecord(groupId, seq),
      },
      checkRoom: (records) => this.#checkRoom(records),
      openHistory: (groupId) =>
        this.#sealed.openHistory(groupId, open.catalog, (error) => this.#damage.note(error)),
    });
  }

  /**
   * Opens a data directory, makes it when it is empty, recovers what a crash left and builds the
   * index from the record headers.
   * @throws RetraceError DATA_DIR_LOCKED, DATA_DIR_FORMAT, STORAGE_FAILED, DISK_FULL. Damage does
   *   not throw: see `problems`.
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const open = await openDirectory(options.dataDir, options.clock, options.logger);
    try {
      const journal = new Journal(options, open);
      await journal.#layers.load(open.catalog);
      journal.#log = await Log.open({
        storage: open.storage,
        catalog: open.catalog,
        serverUuid: open.directory.serverUuid,
        clock: options.clock,
        logger: options.logger,
        onSegment: (segment, records) => journal.#index.beginLoad(segment, records),
        onRecords: (records, commit) => journal.#take(records, commit),
        ...(options.logLimits === undefined ? {} : { limits: options.logLimits }),
        ...(options.onCommit === undefined ? {} : { onCommit: options.onCommit }),
      });
      journal.#index.endLoad();
      journal.#layers.noteLogStart(
        journal.#log.segments()[0]?.firstLsn ?? journal.#log.lastLsn + 1,
      );
      await journal.#startSealing(options);
      return journal;
    } catch (error) {
      await closeDirectory(open);
      throw error;
    }
  }

  /** Damage found so far, at start and by reads. */
  problems(): readonly Damage[] {
    return [
      ...this.#open.directory.problems,
      ...this.metadata.problems(),
      ...this.#log.problems(),
      ...this.#layers.problems(),
      ...this.#registry.problems,
      ...this.#damage.all,
    ];
  }

  /** Figures for metrics. */
  stats() {
    return {
      log: this.#log.stats,
      seal: this.#sealer?.stats,
      layers: this.#layers.entries.length,
      layerBytes: this.#layers.bytes,
      indexBytes: this.#index.bytes,
      indexExtents: this.#index.size,
      lastLsn: this.#log.lastLsn,
    };
  }

  groups(): readonly Group[] {
    return this.#registry.groups;
  }

  /** @throws RetraceError GROUP_UNKNOWN */
  groupByName(name: string): Group {
    return this.#registry.groupByName(name);
  }

  /** @throws RetraceError VOLUME_UNKNOWN */
  volumeByRef(ref: VolumeRef): Volume {
    return this.#registry.volumeByRef(ref);
  }

  /**
   * Makes a group and its volumes known, durably. Known ones must have the same identity, unless
   * `takeOver` says that the machine lost its state and is the right one all the same.
   * @returns the group, and the volumes' ids in the order given
   * @throws RetraceError IDENTITY_CONFLICT
   */
  register(
    group: GroupDefinition,
    volumes: readonly VolumeDefinition[],
    options: { readonly takeOver?: boolean } = {},
  ): Promise<{ readonly group: Group; readonly volumeIds: readonly VolumeId[] }> {
    this.#checkOpen();
    return this.#registry.register(group, volumes, options.takeOver ?? false);
  }

  /**
   * Finds the seq an instant of a volume or group stands for.
   * @throws RetraceError INSTANT_*, VOLUME_UNKNOWN, GROUP_UNKNOWN
   */
  async resolve(target: TargetRef, request: InstantRequest): Promise<Resolution> {
    const nowUs = this.#clock.nowUs();
    if (target.kind === 'group') {
      return await resolveTarget(this.groupByName(target.name), undefined, request, nowUs);
    }
    const volume = this.volumeByRef(target);
    return await resolveTarget(this.#registry.groupById(volume.groupId), volume, request, nowUs);
  }

  /**
   * A volume at a seq. Costs nothing: no data is touched.
   * @throws RetraceError INSTANT_UNKNOWN for a seq that is not stored
   */
  view(volumeId: VolumeId, seq: number): View {
    const { group, volume } = this.#volumeAt(volumeId, seq);
    return this.#views.open(group, volume, seq);
  }

  /** The same by plain replay of layers and log: slow, and independent of the indexes. */
  async replayView(volumeId: VolumeId, seq: number): Promise<View> {
    const { group, volume } = this.#volumeAt(volumeId, seq);
    return await this.#views.replay(group, volume, seq);
  }

  /** Activity, bookmarks and gaps between two times of the agent's clock. */
  async timeline(volumeId: VolumeId, span: TimelineSpan): Promise<Timeline> {
    const volume = this.#registry.volumeById(volumeId);
    const { history } = this.#registry.groupById(volume.groupId);
    const { fromUs, toUs } = span;
    const sealed = await this.#layers.activity(volumeId, fromUs, toUs);
    const recent = history.recent.activity(volumeId, fromUs, toUs);
    return timelineOf(history, volumeId, [...sealed, ...recent], span);
  }

  /**
   * Reads all that is stored and checks it, then compares views with plain replay of the log. For
   * one volume only the comparison is made.
   * @throws RetraceError VOLUME_UNKNOWN, CHECK_FAILED when it was stopped
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const release = this.#leases.take();
    try {
      return await this.#verify(options);
    } finally {
      release();
    }
  }

  async #verify(options: VerifyOptions): Promise<VerifyReport> {
    const { volumeId, onProgress } = options;
    const only = volumeId === undefined ? undefined : this.#registry.volumeById(volumeId);
    const stored =
      only === undefined
        ? await verifyLog(this.#log, {
            serverUuid: this.serverUuid,
            onProgress: (done, total, what) => onProgress?.({ done, total, what }),
          })
        : { problems: [], checked: {} };
    const sealed =
      only === undefined
        ? await verifyLayers(this.#layers, onProgress)
        : { problems: [], checked: {} };
    const volumes = only === undefined ? this.groups().flatMap((group) => group.volumes) : [only];
    const found: Damage[] = [...this.problems(), ...stored.problems, ...sealed.problems];
    let views = 0;
    for (const volume of volumes) {
      const compared = await compareWithReplay(this, volume, options);
      found.push(...compared.problems);
      views += compared.views;
    }
    const problems = [
      ...new Map(found.map((one) => [`${one.place} ${one.message}`, one])).values(),
    ];
    const checked = { ...stored.checked, ...sealed.checked, volumes: volumes.length, views };
    return { ok: problems.length === 0, problems, checked };
  }

  /** Writes the closing commit and lets go of the directory. Appends are refused from now on. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#sealer?.close();
      await this.#log.close();
      await this.#layers.close();
    } finally {
      await closeDirectory(this.#open);
    }
  }

  async #readRecord(groupId: number, seq: number): Promise<StoredFacts | undefined> {
    const release = this.#leases.take();
    try {
      const lsn = this.#registry.groupById(groupId).history.recent.lsnOf(seq);
      if (lsn !== undefined) return await this.#log.readRecord(lsn);
      return await this.#sealed.factsAt(groupId, seq);
    } finally {
      release();
    }
  }

  async #startSealing(options: JournalOptions): Promise<void> {
    const { sealing = 'off', logger, clock, dataDir } = options;
    if (sealing === 'off') return;
    this.#sealer = await openSealer({
      ...{ logger, clock, dataDir, sealing },
      ...{ sealLimits: options.sealLimits, layerLimits: options.layerLimits },
      ...{ storage: this.#open.storage, catalog: this.metadata, log: this.#log },
      layers: this.#layers,
      serverUuid: this.serverUuid,
      timers: options.timers ?? systemTimers,
      groups: () => this.groups(),
      onSealed: (segment) => {
        this.#index.drop(segment);
        for (const { history } of this.groups()) history.recent.drop(segment);
      },
      drained: () => this.#leases.drained(),
    });
  }

  #volumeAt(volumeId: VolumeId, seq: number): { group: Group; volume: Volume } {
    const volume = this.#registry.volumeById(volumeId);
    const group = this.#registry.groupById(volume.groupId);
    if (seq < 1 || seq > group.history.lastSeq) {
      throw new RetraceError('INSTANT_UNKNOWN', `${volume.fullName} has no seq:${seq}`);
    }
    return { group, volume };
  }

  #take(records: readonly LogRecord[], commit: CommitInfo): void {
    if (commit.segment !== this.#newestSegment) {
      // The one before it has been closed.
      this.#newestSegment = commit.segment;
      this.#sealer?.wake();
    }
    for (const record of records) {
      this.#registry.groupOf(record).history.add(record);
      if (changesContent(record.kind)) this.#addToIndex(record);
    }
    const last = records.at(-1)?.lsn ?? commit.firstLsn + commit.count - 1;
    if (last < commit.firstLsn + commit.count - 1) return;
    for (const { groupId, timeUs, seq } of commit.watermarks) {
      this.#registry.findGroup(groupId)?.history.noteWatermark(timeUs, seq, commit.arrivalUs);
    }
  }

  #addToIndex(record: LogRecord): void {
    const blockBytes = this.#registry.findVolume(record.volumeId)?.blockBytes;
    // Of a volume that neither the catalog nor a definition knows any more; that is a problem told.
    if (blockBytes === undefined) return;
    this.#index.add(
      record.volumeId,
      {
        seq: record.seq,
        kind: record.kind,
        startBlock: record.offset / blockBytes,
        blocks: Math.ceil(record.length / blockBytes),
        segment: record.segment,
        position: Math.max(record.position, 0),
        payloadBytes: record.payloadBytes,
      },
      record.checksums,
      blockBytes,
    );
  }

  #checkRoom(records: number): void {
    this.#checkOpen();
    const max = this.#limits.indexExtentsMax;
    if (this.#index.size + records > max) {
      throw new RetraceError(
        'INDEX_FULL',
        `the index of the log holds ${this.#index.size} records, its limit is ${max}: sealing ` +
          'into layers is behind; what is sent again later is taken',
      );
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new RetraceError('JOURNAL_CLOSED', 'the journal is shutting down');
  }
}

const closeDirectory = async ({ catalog, directory }: OpenDirectory): Promise<void> => {
  await catalog.close();
  await directory.release();
};
