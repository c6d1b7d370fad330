import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  type AgentMessage,
  type AgentRecord,
  checkRecordChecksums,
  checkRecordShape,
  comparePositions,
  type DataFrame,
  decodeAgentMessage,
  decodeDataFrame,
  decodeMark,
  encodeControl,
  type Hello,
  hasBody,
  isDataFrame,
  LIMITS,
  type Mark,
  RECORD_KIND,
  type StreamPosition,
} from '@retrace/core';
import { type WebSocket, WebSocketServer } from 'ws';

/** A record the fake has stored. */
export interface StoredRecord extends AgentRecord {
  readonly epoch: number;
}

/** What the fake does; change it while it runs. */
export interface FakeBehaviour {
  /** Acknowledge frames as they come. */
  acks: boolean;
  creditBytes: number;
  serverUuid: string;
  lastTimeUs: number;
  /** Answers the hello; undefined: the ordinary welcome. */
  onHello: ((hello: Hello, socket: WebSocket) => 'handled' | undefined) | undefined;
  /** Told of each frame before it is stored. */
  onFrame: ((frame: DataFrame, socket: WebSocket) => 'handled' | undefined) | undefined;
}

/**
 * A journal server in a few lines: stores records in memory, checks that they are dense and whole,
 * and does what a test tells it to.
 */
export class FakeServer {
  readonly behaviour: FakeBehaviour = {
    acks: true,
    creditBytes: 8 * 1024 * 1024,
    serverUuid: '11111111-1111-4111-8111-111111111111',
    lastTimeUs: 0,
    onHello: undefined,
    onFrame: undefined,
  };
  readonly hellos: Hello[] = [];
  readonly messages: AgentMessage[] = [];
  /** What went wrong in the agent's stream; must stay empty. */
  readonly problems: string[] = [];
  stored: StoredRecord[] = [];
  position: StreamPosition = { epoch: 0, n: 0 };
  readonly #port: number;
  #server: WebSocketServer | undefined;
  readonly #sockets = new Set<WebSocket>();
  #volumes: Hello['volumes'] = [];
  #unreleased = 0;

  private constructor(server: WebSocketServer, port: number) {
    this.#port = port;
    this.#use(server);
  }

  static async start(): Promise<FakeServer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 64 << 20 });
    await once(server, 'listening');
    return new FakeServer(server, (server.address() as AddressInfo).port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections at this moment. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Marks stored, in order, with their volume's index. */
  get marks(): { readonly volumeIndex: number; readonly epoch: number; readonly mark: Mark }[] {
    return this.stored
      .filter((record) => record.kind === RECORD_KIND.mark)
      .map(({ volumeIndex, epoch, payload }) => ({
        volumeIndex,
        epoch,
        mark: decodeMark(payload),
      }));
  }

  /** Goes away: connections are cut, the port is closed. */
  async away(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.terminate();
    if (server === undefined) return;
    server.close();
    await once(server, 'close');
  }

  /** Comes back with what it had stored. */
  async back(): Promise<void> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: this.#port });
    await once(server, 'listening');
    this.#use(server);
  }

  /** The connections at hand are read no more, and stay open: their peers hear nothing. */
  mute(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  cut(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  send(message: object | Buffer | string): void {
    const bytes = Buffer.isBuffer(message) || typeof message === 'string';
    for (const socket of this.#sockets) socket.send(bytes ? message : encodeControl(message));
  }

  /** Acknowledges all that is stored. */
  ack(): void {
    const releasedBytes = this.#unreleased;
    this.#unreleased = 0;
    this.send({ type: 'ack', ...this.position, releasedBytes });
  }

  /** What the volume reads as: everything stored, replayed over zeros or `base`. */
  replay(volumeIndex: number, base: Buffer): Buffer {
    const disk = Buffer.from(base);
    for (const record of this.stored) {
      if (record.volumeIndex === volumeIndex) applyRecord(disk, record);
    }
    return disk;
  }

  #use(server: WebSocketServer): void {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      this.#unreleased = 0;
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.on('message', (data) => this.#message(data as Buffer, socket));
    });
  }

  #message(data: Buffer, socket: WebSocket): void {
    if (!isDataFrame(data)) {
      const message = decodeAgentMessage(data);
      if (message.type === 'hello') this.#hello(message, socket);
      else this.messages.push(message);
      return;
    }
    const frame = decodeDataFrame(data);
    if (this.behaviour.onFrame?.(frame, socket) === 'handled') return;
    this.#unreleased += data.length;
    for (const record of frame.records) this.#store(frame.epoch, record);
    if (this.behaviour.acks) this.ack();
  }

  #hello(hello: Hello, socket: WebSocket): void {
    this.hellos.push(hello);
    this.#volumes = hello.volumes;
    if (this.behaviour.onHello?.(hello, socket) === 'handled') return;
    const { creditBytes, serverUuid, lastTimeUs } = this.behaviour;
    socket.send(
      encodeControl({
        type: 'welcome',
        protocol: 1,
        serverUuid,
        stored: this.position,
        lastTimeUs,
        creditBytes,
        acknowledgedLoss: comparePositions(this.position, hello.acknowledged) < 0,
      }),
    );
  }

  #store(epoch: number, record: AgentRecord): void {
    const at = { epoch, n: record.n };
    const { position } = this;
    if (comparePositions(at, position) <= 0) {
      const old = this.stored.find((other) => other.epoch === epoch && other.n === record.n);
      if (old !== undefined && !old.payload.equals(record.payload))
        this.#problem(record, 'differs');
      return;
    }
    const expected = epoch === position.epoch ? position.n + 1 : 1;
    if (record.n !== expected) this.#problem(record, `follows ${expected - 1}`);
    const shape = this.#volumes[record.volumeIndex];
    try {
      checkRecordShape(record, shape);
      checkRecordChecksums(record, hasBody(record.kind) ? 0 : LIMITS.blockBytesDefault);
    } catch (error) {
      this.#problem(record, String(error));
    }
    const last = this.stored[this.stored.length - 1];
    if (last !== undefined && record.timeUs < last.timeUs) this.#problem(record, 'time decreases');
    this.stored.push({ ...record, payload: Buffer.from(record.payload), epoch });
    this.position = at;
  }

  #problem(record: AgentRecord, what: string): void {
    this.problems.push(`record ${record.n} (kind ${record.kind}): ${what}`);
  }
}

/** Does to an image what a record says. */
export const applyRecord = (disk: Buffer, record: AgentRecord): void => {
  const { kind, offset, length } = record;
  if (kind === RECORD_KIND.write) record.payload.copy(disk, offset);
  else if (kind === RECORD_KIND.zero || kind === RECORD_KIND.trim) {
    disk.fill(0, offset, offset + length);
  }
};
