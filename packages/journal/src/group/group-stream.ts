import {
  type AgentRecord,
  type Clock,
  type Epoch,
  type GroupId,
  LIMITS,
  RetraceError,
  type Seq,
  STREAM_START,
  type StreamPosition,
  type TimeUs,
  type VolumeId,
} from '@retrace/core';
import type { GroupHistory } from '../history/group-history.js';
import type { LogInput, LogRecord } from '../log/log-record.js';
import type { StreamHolder } from './stream-holder.js';

/** What of a stored record is compared with one that is sent again. */
export type StoredFacts = Pick<LogRecord, 'kind' | 'offset' | 'length' | 'checksums'>;

/** What the stream needs of the log. */
export interface StreamLog {
  append(inputs: readonly LogInput[]): Promise<unknown>;
  noteWatermark(groupId: GroupId, timeUs: TimeUs, seq: Seq): void;
  /** A stored record; undefined when it is not there any more. */
  readRecord(groupId: GroupId, seq: number): Promise<StoredFacts | undefined>;
}

export interface GroupStreamOptions {
  readonly groupId: GroupId;
  readonly groupName: string;
  readonly history: GroupHistory;
  readonly log: StreamLog;
  readonly clock: Clock;
  /** Who held the group when the journal was closed. */
  readonly holder: StreamHolder | undefined;
  /** Makes a new holder durable. */
  readonly saveHolder: (holder: StreamHolder) => Promise<void>;
  /** Throws when nothing more may be taken in (INDEX_FULL, JOURNAL_CLOSED). */
  readonly checkRoom: (records: number) => void;
}

/** One decoded and checked frame of an agent. */
export interface StreamBatch {
  readonly epoch: number;
  readonly records: readonly AgentRecord[];
  /** By the records' volume index; 0 stands for the group at GROUP_VOLUME_INDEX. */
  readonly volumeIds: readonly VolumeId[];
}

/**
 * The write side of one group: who may append, which record comes next, and its seq. What is
 * assigned here but not yet durable is forgotten when a commit fails; the agent sends it again.
 */
export class GroupStream {
  readonly #options: GroupStreamOptions;
  #holder: StreamHolder | undefined;
  /** Last position given to the log, durable or not. */
  #assigned: StreamPosition;
  #assignedSeq: number;
  #assignedTimeUs: number;
  /** Settles when everything appended so far is durable or has failed. */
  #settled: Promise<void> = Promise.resolve();
  #failure: RetraceError | undefined;
  #fencing: Promise<void> = Promise.resolve();
  #pendingWatermark: (StreamPosition & { timeUs: number }) | undefined;

  constructor(options: GroupStreamOptions) {
    this.#options = options;
    this.#holder = options.holder;
    this.#assigned = this.stored;
    this.#assignedSeq = options.history.lastSeq;
    this.#assignedTimeUs = options.history.lastTimeUs;
  }

  /** Position of the newest durable record. */
  get stored(): StreamPosition {
    const last = this.#options.history.epochs.last;
    if (last === undefined) return STREAM_START;
    return { epoch: last.epoch, n: last.firstN + last.lastSeq - last.firstSeq };
  }

  /** Time of the newest durable record; 0 when there is none. */
  get lastTimeUs(): number {
    return this.#options.history.lastTimeUs;
  }

  get holder(): StreamHolder | undefined {
    return this.#holder;
  }

  /**
   * Makes `holder` the one who may append. Durable before it resolves; by then nothing of an older
   * epoch is under way any more.
   * @throws RetraceError EPOCH_FENCED for a lower epoch than the holder's, EPOCH_TAKEN for the same
   *   epoch with another instance id; both with the holder's epoch in the details
   */
  fence(holder: StreamHolder): Promise<void> {
    const turn = this.#fencing.then(() => this.#fence(holder));
    this.#fencing = turn.catch(() => undefined);
    return turn;
  }

  async #fence(holder: StreamHolder): Promise<void> {
    this.#checkHolder(holder);
    if (!sameHolder(this.#holder, holder)) await this.#options.saveHolder(holder);
    this.#holder = holder;
    await this.#settled;
    this.#failure = undefined;
    this.#assigned = this.stored;
    this.#assignedSeq = this.#options.history.lastSeq;
    this.#assignedTimeUs = this.lastTimeUs;
  }

  #checkHolder(holder: StreamHolder): void {
    const { groupName } = this.#options;
    const epoch = Math.max(this.#holder?.epoch ?? 0, this.stored.epoch);
    if (holder.epoch < epoch) {
      throw new RetraceError(
        'EPOCH_FENCED',
        `group ${groupName} is held by epoch ${epoch}, this agent comes with ${holder.epoch}: ` +
          'another agent with this identity took over, or the state folder is older than the ' +
          'journal; start it with --take-over if this machine is the right one',
        { details: { epoch } },
      );
    }
    if (this.#holder?.epoch === holder.epoch && this.#holder.instanceId !== holder.instanceId) {
      throw new RetraceError(
        'EPOCH_TAKEN',
        `group ${groupName}: another running agent holds epoch ${holder.epoch} with the same ` +
          'identity (a cloned machine?); stop one of them, then start the other with --take-over',
        { details: { epoch } },
      );
    }
  }

  /**
   * Appends a frame; resolves when all of it is durable. Records that are stored already are
   * compared and not stored again.
   * @throws RetraceError EPOCH_FENCED, RECORD_HOLE, RECORD_CONFLICT, STORAGE_FAILED, DISK_FULL,
   *   INDEX_FULL. After a storage failure everything is refused until the next `fence`.
   */
  async append(batch: StreamBatch): Promise<void> {
    const { records, epoch } = batch;
    const first = records[0];
    if (first === undefined) return;
    this.#throwFailure();
    if (epoch !== this.#holder?.epoch) {
      throw new RetraceError(
        'EPOCH_FENCED',
        `group ${this.#options.groupName}: records of epoch ${epoch} are refused`,
        {
          details: { epoch: this.#holder?.epoch ?? 0 },
        },
      );
    }
    const next = this.#assigned.epoch === epoch ? this.#assigned.n + 1 : 1;
    if (first.n > next) {
      throw new RetraceError(
        'RECORD_HOLE',
        `group ${this.#options.groupName}: record ${first.n} came where ${next} was due`,
      );
    }
    const known = Math.min(records.length, next - first.n);
    const fresh = known === 0 ? records : records.slice(known);
    this.#options.checkRoom(fresh.length);
    const stored = fresh.length > 0 ? this.#store(batch, fresh) : this.#settled;
    if (known > 0) await this.#compare(batch, records.slice(0, known));
    await stored;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #store(batch: StreamBatch, records: readonly AgentRecord[]): Promise<void> {
    const nowUs = this.#options.clock.nowUs();
    const inputs = records.map((record) => this.#toInput(record, batch, nowUs));
    this.#assigned = { epoch: batch.epoch, n: records.at(-1)!.n };
    const stored = this.#options.log.append(inputs).then(
      () => this.#releaseWatermark(),
      (error: unknown) => {
        this.#failure ??=
          error instanceof RetraceError
            ? error
            : new RetraceError('STORAGE_FAILED', 'the log did not store it', { cause: error });
      },
    );
    this.#settled = Promise.all([this.#settled, stored]).then(() => undefined);
    return stored;
  }

  #toInput(record: AgentRecord, batch: StreamBatch, nowUs: TimeUs): LogInput {
    this.#assignedSeq += 1;
    this.#assignedTimeUs = Math.max(this.#assignedTimeUs, clampTime(record.timeUs, nowUs));
    return {
      groupId: this.#options.groupId,
      volumeId: batch.volumeIds[record.volumeIndex] ?? (0 as VolumeId),
      epoch: batch.epoch as Epoch,
      n: record.n,
      seq: this.#assignedSeq as Seq,
      kind: record.kind,
      flags: record.flags,
      timeUs: this.#assignedTimeUs as TimeUs,
      agentTimeUs: record.timeUs,
      offset: record.offset,
      length: record.length,
      checksums: record.checksums,
      payload: record.payload,
    };
  }

  /** What is sent again must be what was stored. */
  async #compare(batch: StreamBatch, records: readonly AgentRecord[]): Promise<void> {
    await this.#settled;
    this.#throwFailure();
    const { history, log, groupId, groupName } = this.#options;
    for (const record of records) {
      const seq = history.epochs.seqOf(batch.epoch, record.n);
      const stored = seq === undefined ? undefined : await log.readRecord(groupId, seq);
      if (stored === undefined) continue;
      if (isSameRecord(record, stored)) continue;
      throw new RetraceError(
        'RECORD_CONFLICT',
        `group ${groupName}: record ${record.n} of epoch ${batch.epoch} is stored as seq:${seq} ` +
          'with other contents',
        { details: { epoch: batch.epoch, n: record.n, seq } },
      );
    }
  }

  /** Everything the agent did up to `timeUs` is recorded up to `position`. */
  watermark(timeUs: number, position: StreamPosition): void {
    const clamped = clampTime(timeUs, this.#options.clock.nowUs());
    this.#pendingWatermark = { timeUs: clamped, ...position };
    this.#releaseWatermark();
  }

  /** A watermark counts once the records it speaks of are durable. */
  #releaseWatermark(): void {
    const pending = this.#pendingWatermark;
    if (pending === undefined || pending.epoch !== this.#holder?.epoch) return;
    const { history, log, groupId, clock } = this.#options;
    const seq = history.epochs.seqOf(pending.epoch, pending.n);
    if (seq === undefined || history.epochs.last?.epoch !== pending.epoch) return;
    this.#pendingWatermark = undefined;
    history.noteWatermark(pending.timeUs, seq, clock.nowUs());
    log.noteWatermark(groupId, pending.timeUs as TimeUs, seq as Seq);
  }
}

const clampTime = (timeUs: number, nowUs: number): number =>
  timeUs > nowUs + LIMITS.clockAheadUsMax ? nowUs : timeUs;

const sameHolder = (a: StreamHolder | undefined, b: StreamHolder): boolean =>
  a?.epoch === b.epoch && a.instanceId === b.instanceId && a.sessionId === b.sessionId;

const isSameRecord = (sent: AgentRecord, stored: StoredFacts): boolean =>
  sent.kind === stored.kind &&
  sent.offset === stored.offset &&
  sent.length === stored.length &&
  sent.checksums.length === stored.checksums.length &&
  sent.checksums.every((sum, i) => sum === stored.checksums[i]);
