import type { Socket } from 'node:net';
import {
  type AgentMessage,
  decodeAgentMessage,
  type Hello,
  isCount,
  isDataFrame,
  RetraceError,
  toRetraceError,
} from '@retrace/core';
import type { Logger } from 'pino';
import type { Caller } from '../auth/roles.js';
import { type Admission, checkHello, type HoldingSession } from './admission.js';
import { AgentLink, type LinkOwner } from './agent-link.js';
import type { AgentSocket } from './agent-socket.js';
import { AgentStream, type StreamOwner } from './agent-stream.js';
import type { IngestContext } from './context.js';
import { SESSION_TABLE, type SessionEvent, type SessionState } from './session-table.js';

export interface SessionOptions {
  readonly id: number;
  readonly ws: AgentSocket;
  readonly socket: Socket;
  readonly remote: string;
  readonly caller: Caller;
  readonly context: IngestContext;
  /** Has the hello admitted, in the group's turn. */
  readonly admit: (hello: Hello, session: Session) => Promise<Omit<Admission, 'protocol'>>;
  readonly onClosed: (session: Session) => void;
}

/** One agent's connection, from its upgrade to its end. The states are those of SESSION_TABLE. */
export class Session implements HoldingSession, LinkOwner, StreamOwner {
  readonly caller: Caller;
  /** Host and port of the agent. */
  readonly remote: string;
  readonly #options: SessionOptions;
  readonly #link: AgentLink;
  readonly #openedMs = performance.now();
  #logger: Logger;
  #state: SessionState = 'awaiting-hello';
  #hello: Hello | undefined;
  #stream: AgentStream | undefined;
  #saidGoodbye = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.caller = options.caller;
    this.remote = options.remote;
    const { context, ws, socket } = options;
    this.#logger = context.logger.child({ session: options.id, remote: options.remote });
    const { budget, limits } = context;
    this.#link = new AgentLink({ ws, socket, budget, limits, owner: this });
  }

  get state(): SessionState {
    return this.#state;
  }

  get instanceId(): string | undefined {
    return this.#hello?.instanceId;
  }

  /** Ends the session with a reason that the agent is told; the first one counts. */
  fail(error: RetraceError): void {
    this.#on('fault', () => this.#refuse(error));
  }

  async replace(error: RetraceError): Promise<void> {
    this.fail(error);
    await this.#stream?.whenIdle();
  }

  /** Has the agent put a bookmark into its stream. @throws RetraceError AGENT_AWAY and others */
  bookmark(name: string): Promise<void> {
    if (this.#state === 'open' && this.#stream !== undefined) return this.#stream.bookmark(name);
    throw new RetraceError('AGENT_AWAY', 'the agent is not connected');
  }

  /** Looks after time limits. */
  tick(nowMs: number): void {
    const { helloTimeoutMs } = this.#options.context.limits;
    if (nowMs - this.#openedMs > helloTimeoutMs) {
      const error = new RetraceError('FRAME_INVALID', `no hello within ${helloTimeoutMs} ms`);
      this.#on('hello-timeout', () => this.#refuse(error));
    }
    this.#link.tick(nowMs);
  }

  message(bytes: Buffer): void {
    if (this.#state === 'closing') return;
    this.#stream?.heard();
    this.#guard(() => {
      if (isDataFrame(bytes)) this.#on('data', () => this.#stream?.data(bytes));
      else this.#control(decodeAgentMessage(bytes));
    });
  }

  arriving(bytes: number): void {
    if (this.#state === 'closing') return;
    if (this.#state === 'open') {
      this.#guard(() => this.#stream?.arriving(bytes - this.#options.context.limits.helloBytesMax));
      return;
    }
    this.fail(new RetraceError('FRAME_TOO_LARGE', `${bytes} bytes before the welcome`));
    // A stranger's flood is not even read: the connection ends with its closing time.
    this.#link.stop();
  }

  fault(error: RetraceError): void {
    this.fail(error);
  }

  closed(): void {
    this.#enterClosing();
    this.#options.onClosed(this);
    this.#logger.info('agent disconnected');
  }

  held(bytes: number): void {
    this.#link.hold(bytes);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fail(toRetraceError(error));
    }
  }

  #control(message: AgentMessage): void {
    this.#on(message.type, () => {
      switch (message.type) {
        case 'hello':
          void this.#admit(message);
          return;
        case 'watermark':
          this.#stream?.watermark(message);
          return;
        case 'report':
          this.#stream?.report(message);
          return;
        case 'bookmark-done':
          this.#stream?.bookmarkDone(message);
          return;
        case 'goodbye':
          this.#logger.info({ reason: message.reason }, 'agent says goodbye');
      }
    });
  }

  /** Looks the event up in the table and does what it says; `take` is what the event is about. */
  #on(event: SessionEvent, take: () => void): void {
    const action = SESSION_TABLE[this.#state][event];
    switch (action) {
      case 'drop':
        return;
      case 'refuse':
        this.#refuse(new RetraceError('FRAME_INVALID', `${event} while ${this.#state}`));
        return;
      case 'end':
        take();
        this.#saidGoodbye = true;
        this.#enterClosing();
        this.#options.ws.finish();
        return;
      case 'admit':
        this.#state = 'admitting';
        take();
        return;
      case 'welcome':
        this.#state = 'open';
        take();
        return;
      case 'take':
      case 'fail':
        take();
    }
  }

  async #admit(hello: Hello): Promise<void> {
    const { caller, context, ws, remote, admit } = this.#options;
    const group = hello.group.name;
    this.#logger = this.#logger.child({ group, software: hello.software });
    try {
      const protocol = checkHello(hello, caller);
      this.#hello = hello;
      const admission: Admission = { protocol, ...(await admit(hello, this)) };
      this.#on('admitted', () => {
        const logger = this.#logger;
        const where = { ws, context, logger, remote };
        this.#stream = new AgentStream({ hello, admission, ...where, owner: this });
        this.#stream.welcome();
        logger.info({ epoch: hello.epoch }, 'agent connected');
      });
    } catch (error) {
      this.fail(toRetraceError(error));
    }
  }

  #refuse(error: RetraceError): void {
    const { context, ws } = this.#options;
    const { code, message, details } = error;
    context.metrics.errors.inc({ code, where: 'session' });
    if (code === 'INTERNAL') this.#logger.error({ err: error }, 'session failed');
    else this.#logger.warn({ code, details }, message);
    this.#enterClosing();
    ws.refuse(code, message, isCount(details.epoch) ? details.epoch : 0);
  }

  /** From here on whatever comes is dropped, and the connection has little time left. */
  #enterClosing(): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#stream?.end(this.#saidGoodbye);
    const { context, ws } = this.#options;
    setTimeout(() => ws.terminate(), context.limits.closeTimeoutMs).unref();
  }
}
