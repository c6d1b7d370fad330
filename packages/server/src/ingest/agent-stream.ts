import {
  type AgentReport,
  type BookmarkDone,
  comparePositions,
  type Hello,
  LIMITS,
  type RetraceError,
  type StreamPosition,
  type VolumeReport,
  type Watermark,
} from '@retrace/core';
import type { Logger } from 'pino';
import { type AgentFacts, noteReport } from '../observe/agent-book.js';
import type { Admission } from './admission.js';
import type { AgentSocket } from './agent-socket.js';
import { BookmarkRequests } from './bookmark-requests.js';
import type { IngestContext } from './context.js';
import { type IntakeOwner, RecordIntake } from './record-intake.js';

/** What the stream tells its session. */
export interface StreamOwner {
  /** Bytes received and not durable have changed. */
  held(bytes: number): void;
  /** The stream cannot go on. */
  fail(error: RetraceError): void;
}

export interface AgentStreamOptions {
  readonly hello: Hello;
  readonly admission: Admission;
  readonly ws: AgentSocket;
  readonly context: IngestContext;
  readonly logger: Logger;
  readonly remote: string;
  readonly owner: StreamOwner;
}

/** What an agent sends once it is welcomed: records, watermarks, reports, bookmarks. */
export class AgentStream implements IntakeOwner {
  readonly #options: AgentStreamOptions;
  readonly #intake: RecordIntake;
  readonly #bookmarks = new BookmarkRequests();
  readonly #facts: AgentFacts;
  readonly #volumeNames: ReadonlySet<string>;
  #stored: StreamPosition;
  /** When the frames came that are not durable yet, oldest first; monotonic milliseconds. */
  readonly #arrivals: { readonly bytes: number; readonly ms: number }[] = [];
  #ended = false;

  constructor(options: AgentStreamOptions) {
    this.#options = options;
    const { hello, admission, context, remote } = options;
    const { limits, agents, clock } = context;
    this.#intake = new RecordIntake({
      stream: admission.group.stream,
      identity: { group: hello.group, volumes: hello.volumes },
      volumeIds: admission.volumeIds,
      instanceId: hello.instanceId,
      sessionId: hello.sessionId,
      epoch: hello.epoch,
      creditBytes: limits.sessionCreditBytes,
      owner: this,
    });
    this.#stored = admission.group.stream.stored;
    this.#volumeNames = new Set(hello.volumes.map(({ name }) => name));
    const { name } = hello.group;
    this.#facts = agents.connected(name, remote, hello.software, clock.nowUs());
  }

  /** Tells the agent where to go on. */
  welcome(): void {
    const { admission, context, ws } = this.#options;
    const { stream } = admission.group;
    ws.sendMessage({
      type: 'welcome',
      protocol: admission.protocol,
      serverUuid: context.journal.serverUuid,
      stored: stream.stored,
      lastTimeUs: stream.lastTimeUs,
      creditBytes: context.limits.sessionCreditBytes,
      acknowledgedLoss: admission.acknowledgedLoss,
    });
  }

  /** @throws RetraceError as RecordIntake.frame */
  data(message: Buffer): void {
    const { metrics } = this.#options.context;
    const records = this.#intake.frame(message);
    this.#arrivals.push({ bytes: message.length, ms: performance.now() });
    metrics.ingestBytes.inc(message.length);
    metrics.ingestRecords.inc(records);
  }

  /** @throws RetraceError CREDIT_EXCEEDED when a message that is arriving is too much */
  arriving(bytes: number): void {
    this.#intake.checkCredit(bytes);
  }

  watermark({ timeUs, epoch, n }: Watermark): void {
    const { clock } = this.#options.context;
    // As with records: what is too far ahead counts as now.
    const limitUs = clock.nowUs() + LIMITS.clockAheadUsMax;
    const time = timeUs > limitUs ? clock.nowUs() : timeUs;
    this.#facts.watermark = { epoch, n, timeUs: time };
    this.#intake.watermark(time, { epoch, n });
  }

  report(report: AgentReport): void {
    noteReport(this.#facts, report, (name) => this.#volumeNames.has(name));
    for (const volume of report.volumes) this.#noteDurability(volume);
  }

  bookmarkDone(message: BookmarkDone): void {
    this.#bookmarks.answered(message, this.#stored);
  }

  /** Has the agent put a bookmark into its stream. @throws RetraceError as BookmarkRequests.ask */
  bookmark(name: string): Promise<void> {
    const { context, ws } = this.#options;
    const { bookmarkTimeoutMs } = context.limits;
    return this.#bookmarks.ask(name, bookmarkTimeoutMs, (message) => ws.sendMessage(message));
  }

  /** Anything has come from the agent. */
  heard(): void {
    this.#facts.heardUs = this.#options.context.clock.nowUs();
  }

  /** Resolves when nothing of this session is on its way into the journal any more. */
  whenIdle(): Promise<void> {
    return this.#intake.whenIdle();
  }

  /** The session is over. Frames that the journal has already are stored all the same. */
  end(saidGoodbye: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#intake.end();
    this.#bookmarks.end();
    const { hello, context } = this.#options;
    // A newer session of the group has facts of its own.
    if (context.agents.get(hello.group.name) !== this.#facts) return;
    this.#facts.connected = false;
    this.#facts.saidGoodbye = saidGoodbye;
    this.#facts.sinceUs = context.clock.nowUs();
  }

  stored(position: StreamPosition, releasedBytes: number): void {
    const { context, ws } = this.#options;
    if (comparePositions(position, this.#stored) > 0) this.#stored = position;
    const nowMs = performance.now();
    for (let left = releasedBytes; left > 0 && this.#arrivals.length > 0; ) {
      const { bytes, ms } = this.#arrivals.shift()!;
      left -= bytes;
      context.metrics.ackSeconds.observe((nowMs - ms) / 1000);
    }
    const { epoch, n } = this.#stored;
    ws.sendMessage({ type: 'ack', epoch, n, releasedBytes });
    this.#bookmarks.stored(this.#stored);
  }

  held(bytes: number): void {
    this.#options.owner.held(bytes);
  }

  failed(error: RetraceError): void {
    this.#options.owner.fail(error);
  }

  #noteDurability({ name, durability, durabilityInForce, reason }: VolumeReport): void {
    const { context, hello, logger } = this.#options;
    if (!this.#volumeNames.has(name)) return;
    const group = hello.group.name;
    if (durability === durabilityInForce) {
      if (context.alarms.clear('DURABILITY_REDUCED', group, name)) {
        logger.info({ volume: name, durability }, 'durability is in force again');
      }
      return;
    }
    const modes = `${durabilityInForce} instead of ${durability}`;
    const message = `${name}: durability is ${modes}: ${reason}`;
    const sinceUs = context.clock.nowUs();
    const alarm = { code: 'DURABILITY_REDUCED', message, group, volume: name, sinceUs } as const;
    if (context.alarms.raise({ ...alarm, lasting: true })) logger.warn({ volume: name }, message);
  }
}
