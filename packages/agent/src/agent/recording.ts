import {
  type AgentReport,
  type BookmarkDone,
  type BookmarkRequest,
  comparePositions,
  type GapReason,
  GROUP_VOLUME_INDEX,
  type GroupDefinition,
  type Hello,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  type SessionError,
  type StreamPosition,
  type TimeUs,
  type Welcome,
} from '@retrace/core';
import type { Copies } from '../copy/copies.js';
import type { AgentLimits } from '../limits.js';
import type { Room } from '../queue/room.js';
import { judgeWelcome, type WelcomeFacts } from '../session/judge-welcome.js';
import type { Next, Session, SessionHost } from '../session/session.js';
import type { EpochLedger } from '../state/epoch-ledger.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Logger } from '../system/logger.js';
import type { Volume } from '../volume/volume.js';

/** Mistakes that sending again may mend, and that a new epoch does mend. */
const STREAM_ERRORS: ReadonlySet<string> = new Set([
  'RECORD_CONFLICT',
  'RECORD_HOLE',
  'RECORD_INVALID',
  'RECORD_CHECKSUM',
]);

/** The group is somebody else's. */
const FENCES: ReadonlySet<string> = new Set(['EPOCH_FENCED', 'EPOCH_TAKEN', 'IDENTITY_CONFLICT']);

export interface RecordingOptions {
  readonly group: GroupDefinition;
  readonly software: string;
  readonly instanceId: string;
  readonly takeOver: boolean;
  /** The clean stop that volumes go on from; undefined when all are to be copied. */
  readonly cleanFrom: WelcomeFacts['cleanFrom'];
  readonly stream: RecordStream;
  readonly room: Room;
  readonly volumes: readonly Volume[];
  readonly ledger: EpochLedger;
  readonly limits: AgentLimits;
  readonly logger: Logger;
}

/**
 * Decides when the group is recorded: begins and breaks epochs, and answers what the session asks.
 * A broken stream means: nothing is recorded, the disks are served at their own speed, and the next
 * session begins a new epoch with a gap and full copies.
 */
export class Recording implements SessionHost {
  readonly #options: RecordingOptions;
  #cleanFrom: WelcomeFacts['cleanFrom'];
  #session: Session | undefined;
  #copies: Copies | undefined;
  #everWelcomed = false;
  #mayTakeOver: boolean;
  /** Errors of the stream in a row, without an acknowledgement between them. */
  #streamErrors = 0;
  #fenced = false;
  #acknowledgedWaiters: { readonly n: number; readonly done: () => void }[] = [];

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.#cleanFrom = options.cleanFrom;
    this.#mayTakeOver = options.takeOver;
  }

  /** Connects it with those that need it in turn. */
  attach(session: Session, copies: Copies): void {
    this.#session = session;
    this.#copies = copies;
  }

  /** Begins the first epoch, before any server is met. */
  async start(): Promise<void> {
    const { ledger } = this.#options;
    await ledger.reserve();
    this.#begin(ledger.useReserved());
  }

  /** Records nothing more until a new session begins a new epoch. */
  breakStream(gap: GapReason, why: string): void {
    const { stream, room, volumes, logger } = this.#options;
    if (stream.recording) {
      const lost = { records: stream.queue.length, bytes: stream.queue.bytes, reason: gap };
      logger.error({ ...lost, why }, 'the record stream is broken: all volumes are copied again');
    }
    this.#cleanFrom = undefined;
    stream.stop();
    room.close();
    for (const volume of volumes) volume.streamLost(gap, why);
    this.#releaseWaiters();
  }

  /** The agent stops: nothing is recorded any more, and nobody waits. */
  end(): void {
    this.#options.stream.stop();
    this.#options.room.close();
    this.#releaseWaiters();
  }

  /** A guest has waited too long for room in the queue. */
  giveUpQueue(): void {
    this.breakStream('queue-given-up', 'the journal was too slow or away, and the queue was full');
    this.#session?.restart('the queue was given up');
  }

  /** Resolves when everything up to `n` is stored, or nothing is recorded any more. */
  whenAcknowledged(n: number): Promise<void> {
    const { stream } = this.#options;
    if (!stream.recording || n <= stream.ackedN) return Promise.resolve();
    return new Promise((done) => this.#acknowledgedWaiters.push({ n, done }));
  }

  async prepareHello(): Promise<Hello | undefined> {
    const { ledger, group, software, instanceId, stream, volumes } = this.#options;
    if (this.#fenced) return undefined;
    const reserved = stream.recording ? undefined : await ledger.reserve();
    return {
      type: 'hello',
      protocolMin: PROTOCOL_VERSION_MIN,
      protocolMax: PROTOCOL_VERSION_MAX,
      software,
      group,
      sessionId: ledger.progress.sessionId,
      instanceId,
      epoch: reserved ?? stream.epoch,
      volumes: volumes.map((volume) => volume.definition),
      acknowledged: ledger.progress.acknowledged,
      takeOver: this.#mayTakeOver,
    };
  }

  welcomed(welcome: Welcome): boolean {
    const { stream, ledger } = this.#options;
    const { acknowledged, serverUuid } = ledger.progress;
    const epoch = stream.recording ? stream.epoch : ledger.reserved;
    const { recording, sentN } = stream;
    const facts = { epoch, recording, sentN, acknowledged, serverUuid };
    const verdict = judgeWelcome({ ...facts, cleanFrom: this.#cleanFrom }, welcome);
    if (verdict.kind === 'refuse') {
      this.#streamTrouble(verdict.why, welcome.stored.epoch === epoch);
      return false;
    }
    if (verdict.kind === 'break') {
      const { stored } = welcome;
      if (comparePositions(stored, acknowledged) < 0) ledger.replaceAcknowledged(stored);
      this.breakStream(verdict.gap, verdict.why);
      return false;
    }
    this.#resume(welcome);
    return true;
  }

  begun(): void {
    this.#copies?.kick();
  }

  acknowledged(position: StreamPosition): boolean {
    const { stream, ledger, room, volumes } = this.#options;
    if (position.epoch !== stream.epoch || !stream.recording) return position.epoch < stream.epoch;
    const before = stream.ackedN;
    if (!stream.acknowledge(position.n)) return false;
    if (stream.ackedN > before) this.#streamErrors = 0;
    ledger.acknowledged(position, stream.nowUs());
    room.freed();
    for (const volume of volumes) volume.durability.acknowledged(position.n);
    this.#copies?.acknowledged(position.epoch, position.n);
    this.#releaseWaiters(position.n);
    if (stream.queue.length === 0) this.#session?.drained();
    return true;
  }

  bookmark({ request, name }: BookmarkRequest): BookmarkDone {
    const { stream } = this.#options;
    const n = stream.mark(GROUP_VOLUME_INDEX, { mark: 'bookmark', name, consistency: 'crash' });
    const { epoch } = stream;
    const timeUs = n === 0 ? 0 : stream.lastTimeUs;
    const error = n === 0 ? 'the agent is not recording' : '';
    return { type: 'bookmark-done', request, timeUs, error, epoch, n };
  }

  report(): AgentReport {
    const { volumes, stream } = this.#options;
    return {
      type: 'report',
      volumes: volumes.map((volume) => volume.report()),
      queuedBytes: stream.queue.bytes,
      queuedRecords: stream.queue.length,
    };
  }

  ended(why: string, error: SessionError | undefined, welcomed: boolean): Next {
    const { stream, logger } = this.#options;
    if (error !== undefined && FENCES.has(error.code)) return this.#fence(error);
    if (error !== undefined && STREAM_ERRORS.has(error.code)) this.#streamTrouble(why, true);
    logger.debug({ why, welcomed }, 'session over');
    return stream.recording ? 'retry' : 'at-once';
  }

  #begin(epoch: number): void {
    const { stream, room, group, software, volumes, logger } = this.#options;
    stream.begin(epoch);
    room.open();
    stream.mark(GROUP_VOLUME_INDEX, { mark: 'start', software });
    stream.define(GROUP_VOLUME_INDEX, group);
    for (const volume of volumes) stream.define(volume.index, volume.definition);
    for (const volume of volumes) {
      if (volume.gap === undefined) continue;
      stream.mark(volume.index, { mark: 'gap-open', reason: volume.gap });
      logger.warn(
        { volume: volume.fullName, reason: volume.gap },
        'a gap begins: full copy follows',
      );
    }
  }

  #resume(welcome: Welcome): void {
    const { stream, ledger, room } = this.#options;
    this.#everWelcomed = true;
    this.#mayTakeOver = false;
    this.#cleanFrom = undefined;
    ledger.metServer(welcome.serverUuid, welcome.stored, welcome.lastTimeUs);
    stream.raiseTime(welcome.lastTimeUs as TimeUs);
    if (!stream.recording) this.#begin(ledger.useReserved());
    else if (welcome.stored.epoch === stream.epoch) this.acknowledged(welcome.stored);
    stream.queue.rewind();
    room.freed();
  }

  /** What cannot go on is begun anew, once sending again has not helped. */
  #streamTrouble(why: string, isOurEpoch: boolean): void {
    const { limits, ledger, stream } = this.#options;
    this.#streamErrors += 1;
    if (!isOurEpoch || this.#streamErrors < limits.sessionFailuresMax) return;
    this.#streamErrors = 0;
    if (stream.recording) this.breakStream('acknowledged-loss', why);
    else ledger.dropReserved();
  }

  /**
   * Another agent has the group. Taken over before the first welcome, when that was asked for;
   * else nothing is recorded any more: two agents must not fence each other for ever.
   */
  #fence(error: SessionError): Next {
    const { ledger, logger } = this.#options;
    const { code, message, epoch } = error;
    if (this.#mayTakeOver && !this.#everWelcomed && ledger.raise(epoch)) {
      this.#mayTakeOver = true;
      this.breakStream('state-lost', `taken over from the agent of epoch ${epoch}`);
      return 'at-once';
    }
    this.#fenced = true;
    this.breakStream('state-lost', `${code}: ${message}`);
    logger.error({ code, epoch }, 'fenced: the disk is served, and nothing is recorded any more');
    return 'never';
  }

  #releaseWaiters(n = Number.POSITIVE_INFINITY): void {
    const released = this.#acknowledgedWaiters.filter((waiter) => waiter.n <= n);
    this.#acknowledgedWaiters = this.#acknowledgedWaiters.filter((waiter) => waiter.n > n);
    for (const { done } of released) done();
  }
}
