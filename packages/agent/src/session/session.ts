import type { Hello, SessionError } from '@retrace/core';
import type { AgentLimits } from '../limits.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Logger } from '../system/logger.js';
import type { Random } from '../system/random.js';
import type { Cancel, Scheduler } from '../system/scheduler.js';
import { Backoff } from './backoff.js';
import { Connection, type ConnectionHost } from './connection.js';

/** What follows when a connection has ended. */
export type Next = 'retry' | 'at-once' | 'never';

/** Who decides what a session means; see {@link ConnectionHost} for what happens within one. */
export interface SessionHost extends Omit<ConnectionHost, 'ended'> {
  /** The hello of the next connection; undefined: none shall be made. May be asked again. */
  prepareHello(): Promise<Hello | undefined>;
  /** @param welcomed - whether the session had begun */
  ended(why: string, error: SessionError | undefined, welcomed: boolean): Next;
}

export interface SessionOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly stream: RecordStream;
  readonly limits: AgentLimits;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly host: SessionHost;
}

/** Keeps a connection to the journal server, for as long as the agent runs. */
export class Session {
  readonly #options: SessionOptions;
  readonly #backoff: Backoff;
  #connection: Connection | undefined;
  #timer: Cancel | undefined;
  #stopped = false;
  #preparing = false;
  /** The next attempt comes at once only when the last one that did has led somewhere. */
  #hurried = false;
  #lastWhy = '';

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.limits, options.random);
  }

  get live(): boolean {
    return this.#connection?.live === true;
  }

  start(): void {
    void this.#connect();
  }

  queued(): void {
    this.#connection?.queued();
  }

  urgent(): void {
    this.#connection?.urgent();
  }

  drained(): void {
    this.#connection?.drained();
  }

  reportSoon(): void {
    this.#connection?.reportSoon();
  }

  /** Ends the connection at hand; another follows. */
  restart(why: string): void {
    this.#connection?.end(why);
  }

  /** No more connections. */
  stop(reason: string): void {
    this.#stopped = true;
    this.#timer?.();
    this.#connection?.goodbye(reason);
  }

  async #connect(): Promise<void> {
    this.#timer = undefined;
    if (this.#stopped || this.#preparing || this.#connection !== undefined) return;
    this.#preparing = true;
    let hello: Hello | undefined;
    try {
      hello = await this.#options.host.prepareHello();
    } catch (error) {
      this.#options.logger.error({ error }, 'the state folder cannot be written');
      this.#later();
      return;
    } finally {
      this.#preparing = false;
    }
    if (hello === undefined || this.#stopped) return;
    let welcomed = false;
    const { url, token, stream, limits, scheduler, host } = this.#options;
    this.#connection = new Connection({
      url,
      token,
      hello,
      stream,
      limits,
      scheduler,
      host: {
        welcomed: (welcome) => {
          welcomed = host.welcomed(welcome);
          return welcomed;
        },
        begun: () => {
          this.#begun();
          host.begun();
        },
        acknowledged: (position) => host.acknowledged(position),
        bookmark: (request) => host.bookmark(request),
        report: () => host.report(),
        ended: (why, error) => this.#ended(why, error, welcomed),
      },
    });
  }

  #begun(): void {
    this.#backoff.reset();
    this.#hurried = false;
    this.#lastWhy = '';
    this.#options.logger.info({ url: this.#options.url }, 'connected to the journal server');
  }

  #ended(why: string, error: SessionError | undefined, welcomed: boolean): void {
    this.#connection = undefined;
    if (this.#stopped) return;
    // The same line every few seconds for hours helps nobody.
    if (why !== this.#lastWhy) this.#options.logger.warn({ why }, 'no session with the journal');
    this.#lastWhy = why;
    const next = this.#options.host.ended(why, error, welcomed);
    if (next === 'never') return;
    if (next === 'at-once' && !this.#hurried) {
      this.#hurried = true;
      this.#options.scheduler.soon(() => void this.#connect());
    } else {
      this.#later();
    }
  }

  #later(): void {
    if (this.#stopped) return;
    this.#timer?.();
    const delayMs = this.#backoff.nextMs();
    this.#timer = this.#options.scheduler.after(delayMs, () => void this.#connect());
  }
}
