import { randomUUID } from 'node:crypto';
import {
  AGENT_SOCKET_PATH,
  type AgentRecord,
  decodeServerMessage,
  type Epoch,
  encodeControl,
  encodeDataFrame,
  type Hello,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  type SessionError,
  type StreamPosition,
  type Welcome,
} from '@retrace/core';
import { type RawData, WebSocket } from 'ws';
import { atEnd } from '../cleanup.js';
import type { ApiTarget } from '../http-api.js';
import { withTimeout } from '../wait-for.js';
import type { WireIdentity } from './wire-records.js';

/** Who connects, and what it says it was promised. */
export interface WireAgentOptions {
  readonly epoch?: number;
  readonly instanceId?: string;
  readonly acknowledged?: StreamPosition;
  readonly hello?: Partial<Hello>;
}

/** How a session ended. */
export interface WireEnd {
  /** The reason that the server gave, if it did. */
  readonly error: SessionError | undefined;
  /** Close code of the WebSocket. */
  readonly code: number;
}

/** An agent by hand: it sends what the test says, and remembers what was acknowledged. */
export class WireAgent {
  readonly socket: WebSocket;
  readonly epoch: number;
  /** The highest position the server has acknowledged on this connection. */
  acknowledged: StreamPosition = { epoch: 0, n: 0 };
  /** Resolves when the connection is over. */
  readonly ended: Promise<WireEnd>;
  readonly welcomed: Promise<Welcome>;
  #error: SessionError | undefined;
  #onAck: () => void = () => {};

  constructor(target: ApiTarget, identity: WireIdentity, options: WireAgentOptions = {}) {
    const { epoch = 1, instanceId = randomUUID() } = options;
    this.epoch = epoch;
    this.socket = openAgentSocket(target);
    atEnd(() => this.socket.terminate());
    this.ended = new Promise((resolve) => {
      this.socket.on('error', () => {});
      this.socket.on('close', (code) => resolve({ error: this.#error, code }));
    });
    this.welcomed = new Promise((resolve, reject) => {
      this.socket.on('message', (data) => this.#receive(data, resolve));
      const why = (): string => this.#error?.code ?? 'closed';
      void this.ended.then(() => reject(new Error(`no welcome: ${why()}`)));
    });
    this.welcomed.catch(() => {});
    this.socket.on('open', () => {
      this.socket.send(encodeControl(hello(identity, epoch, instanceId, options)));
    });
  }

  /** Connects and waits for the welcome. @throws Error with the server's code when refused */
  static async connect(
    target: ApiTarget,
    identity: WireIdentity,
    options: WireAgentOptions = {},
  ): Promise<{ agent: WireAgent; welcome: Welcome }> {
    const agent = new WireAgent(target, identity, options);
    const welcome = await withTimeout(agent.welcomed, { what: 'the welcome' });
    return { agent, welcome };
  }

  /** Sends records of this epoch as one frame. */
  send(records: readonly AgentRecord[]): void {
    this.socket.send(encodeDataFrame(this.epoch as Epoch, records));
  }

  watermark(timeUs: number, n: number): void {
    this.socket.send(encodeControl({ type: 'watermark', timeUs, epoch: this.epoch, n }));
  }

  /** Resolves when everything up to n is acknowledged. @throws Error when the session ends first */
  async waitAcknowledged(n: number): Promise<void> {
    const arrived = new Promise<void>((resolve, reject) => {
      this.#onAck = () => {
        if (this.acknowledged.n >= n) resolve();
      };
      this.#onAck();
      void this.ended.then(({ error }) => reject(new Error(`ended: ${error?.code ?? 'cut'}`)));
    });
    await withTimeout(arrived, { what: `record ${n} to be acknowledged` });
  }

  #receive(data: RawData, onWelcome: (welcome: Welcome) => void): void {
    const message = decodeServerMessage(data as Buffer);
    if (message.type === 'welcome') onWelcome(message);
    if (message.type === 'error') this.#error = message;
    if (message.type !== 'ack') return;
    this.acknowledged = { epoch: message.epoch, n: message.n };
    this.#onAck();
  }
}

/** A WebSocket to where agents connect, before any message. */
export function openAgentSocket({ http, token }: ApiTarget): WebSocket {
  const url = new URL(AGENT_SOCKET_PATH, http);
  url.protocol = 'ws:';
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new WebSocket(url, { headers, perMessageDeflate: false });
}

function hello(
  { group, volume, sessionId }: WireIdentity,
  epoch: number,
  instanceId: string,
  { acknowledged = { epoch: 0, n: 0 }, hello: changes = {} }: WireAgentOptions,
): Hello {
  return {
    type: 'hello',
    protocolMin: PROTOCOL_VERSION_MIN,
    protocolMax: PROTOCOL_VERSION_MAX,
    software: 'test',
    group,
    sessionId,
    instanceId,
    epoch,
    volumes: [volume],
    acknowledged,
    takeOver: false,
    ...changes,
  };
}
