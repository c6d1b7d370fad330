import type { Socket } from 'node:net';
import { type Hello, RetraceError, toRetraceError } from '@retrace/core';
import type { Caller } from '../auth/roles.js';
import type { TokenListener } from '../auth/token-store.js';
import { formatHostPort } from '../listen/address.js';
import { type Admission, takeGroup } from './admission.js';
import type { AgentSocket } from './agent-socket.js';
import type { IngestContext } from './context.js';
import { Session } from './session.js';
import { watchAgents } from './watch-agents.js';

/** The sessions of a server: who holds which group, and what concerns all of them. */
export class SessionHub implements TokenListener {
  readonly #context: IngestContext;
  readonly #sessions = new Set<Session>();
  readonly #holders = new Map<string, Session>();
  /** Admissions of one group come one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #timer: NodeJS.Timeout;
  readonly #sinceUs: number;
  readonly #idleWaiters: (() => void)[] = [];
  #lastId = 0;
  #closing = false;

  constructor(context: IngestContext) {
    this.#context = context;
    this.#sinceUs = context.clock.nowUs();
    this.#timer = setInterval(() => this.#tick(), context.limits.tickMs).unref();
  }

  /** Counts by whether they are welcomed yet. */
  count(): { readonly open: number; readonly handshakes: number } {
    let open = 0;
    for (const session of this.#sessions) if (session.state === 'open') open += 1;
    return { open, handshakes: this.#sessions.size - open };
  }

  /** @throws RetraceError SERVER_BUSY, JOURNAL_CLOSED when one more session is not wanted */
  checkRoom(): void {
    const { sessionsMax, handshakesMax } = this.#context.limits;
    if (this.#closing) throw shuttingDown();
    if (this.#sessions.size >= sessionsMax || this.count().handshakes >= handshakesMax) {
      throw new RetraceError(
        'SERVER_BUSY',
        `${this.#sessions.size} agents are connected or connecting: try again in a while`,
      );
    }
  }

  /** Takes over a connection that has become a WebSocket. */
  open(ws: AgentSocket, socket: Socket, caller: Caller): void {
    this.#lastId += 1;
    const session = new Session({
      id: this.#lastId,
      ws,
      socket,
      caller,
      remote: formatHostPort(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0),
      context: this.#context,
      admit: (hello, which) => this.#admit(hello, which),
      onClosed: (which) => this.#closed(which),
    });
    this.#sessions.add(session);
  }

  /** Has a group's agent make a bookmark. @throws RetraceError AGENT_AWAY, BOOKMARK_EXISTS */
  async bookmark(group: string, name: string): Promise<void> {
    const session = this.#holders.get(group);
    if (session === undefined) {
      throw new RetraceError('AGENT_AWAY', `the agent of group ${group} is not connected`);
    }
    try {
      await session.bookmark(name);
    } catch (error) {
      const { code, message, details } = toRetraceError(error);
      throw new RetraceError(code, `group ${group}: ${message}`, { details, cause: error });
    }
  }

  tokenRevoked(id: string): void {
    const error = new RetraceError('TOKEN_INVALID', `token ${id} has been revoked`);
    for (const session of this.#sessions) {
      if (session.caller.kind === 'token' && session.caller.tokenId === id) session.fail(error);
    }
  }

  tokensRequired(): void {
    const error = new RetraceError('TOKEN_MISSING', 'from now on this server wants a token');
    for (const session of this.#sessions) {
      if (session.caller.kind === 'open') session.fail(error);
    }
  }

  /** Ends all sessions, after what they have sent is stored. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#sessions].map((session) => session.replace(shuttingDown())));
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  async #admit(hello: Hello, session: Session): Promise<Omit<Admission, 'protocol'>> {
    const group = hello.group.name;
    const turn = (this.#turns.get(group) ?? Promise.resolve()).then(() =>
      this.#takeTurn(hello, session),
    );
    const settled = turn.catch(() => undefined);
    this.#turns.set(group, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(group) === settled) this.#turns.delete(group);
    }
  }

  async #takeTurn(hello: Hello, session: Session): Promise<Omit<Admission, 'protocol'>> {
    const { agents, journal } = this.#context;
    const group = hello.group.name;
    if (session.state === 'closing') throw new RetraceError('SESSION_REPLACED', 'gone meanwhile');
    const lastRemote = agents.get(group)?.remote;
    const admission = await takeGroup(hello, journal, (name) => this.#holders.get(name));
    if (!this.#sessions.has(session)) throw new RetraceError('SESSION_REPLACED', 'gone meanwhile');
    this.#holders.set(group, session);
    this.#noteHolder(hello, admission, session.remote, lastRemote);
    return admission;
  }

  #noteHolder(
    hello: Hello,
    { before, acknowledgedLoss }: Omit<Admission, 'protocol'>,
    remote: string,
    lastRemote: string | undefined,
  ): void {
    const group = hello.group.name;
    const raise = (code: 'HOLDER_CHANGED' | 'ACKNOWLEDGED_LOSS', message: string): void => {
      const sinceUs = this.#context.clock.nowUs();
      this.#context.alarms.raise({ code, message, group, sinceUs, lasting: false });
      this.#context.logger.warn({ group, remote }, message);
    };
    const otherState = before !== undefined && before.sessionId !== hello.sessionId;
    const otherPlace = lastRemote !== undefined && hostOf(lastRemote) !== hostOf(remote);
    if (otherState) {
      raise('HOLDER_CHANGED', `an agent with another state folder took group ${group} over`);
    } else if (otherPlace && before?.instanceId !== hello.instanceId) {
      raise('HOLDER_CHANGED', `the agent of group ${group} now comes from ${remote}`);
    }
    if (acknowledgedLoss) {
      const { epoch, n } = hello.acknowledged;
      raise(
        'ACKNOWLEDGED_LOSS',
        `group ${group}: record ${epoch}/${n} was acknowledged and is lost`,
      );
    }
  }

  #closed(session: Session): void {
    this.#sessions.delete(session);
    for (const [group, holder] of this.#holders) {
      if (holder === session) this.#holders.delete(group);
    }
    if (this.#sessions.size > 0) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const session of this.#sessions) session.tick(nowMs);
    watchAgents(this.#context, this.#sinceUs);
  }
}

const shuttingDown = (): RetraceError =>
  new RetraceError('JOURNAL_CLOSED', 'the server is shutting down');

const hostOf = (remote: string): string => remote.slice(0, remote.lastIndexOf(':'));
