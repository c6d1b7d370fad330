import { randomUUID } from 'node:crypto';
import {
  AGENT_SOCKET_PATH,
  type AgentRecord,
  type ByteOffset,
  blockChecksums,
  decodeServerMessage,
  type Epoch,
  encodeControl,
  encodeDataFrame,
  encodeDefinition,
  encodeMark,
  GROUP_VOLUME_INDEX,
  type GroupDefinition,
  type Mark,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  RECORD_KIND,
  type RecordKind,
  type RecordNumber,
  STREAM_START,
  systemClock,
  type TimeUs,
  type VolumeDefinition,
} from '@retrace/core';
import { WebSocket } from 'ws';

/** What a content record of a synthetic agent holds; number and time are given when it is sent. */
export type Content = Pick<AgentRecord, 'kind' | 'offset' | 'length' | 'checksums' | 'payload'>;

const EPOCH = 1 as Epoch;
const CONNECT_TIMEOUT_MS = 10_000;

/** A write's content with its checksums. */
export const writeContent = (offset: number, payload: Buffer, blockBytes: number): Content => ({
  kind: RECORD_KIND.write,
  offset: offset as ByteOffset,
  length: payload.length,
  checksums: blockChecksums(payload, blockBytes),
  payload,
});

/** Speaks the session protocol as an agent does, with records out of the air: no disk, no guest. */
export class SyntheticAgent {
  readonly #socket: WebSocket;
  readonly #group: GroupDefinition;
  readonly #volume: VolumeDefinition;
  #n = 0;
  #creditBytes = 0;
  #ackedN = 0;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: WebSocket, machine: string, sizeBytes: number, blockBytes: number) {
    this.#socket = socket;
    this.#group = { define: 'group', uuid: randomUUID(), name: machine };
    this.#volume = {
      define: 'volume',
      uuid: randomUUID(),
      machine,
      name: 'disk',
      sizeBytes,
      blockBytes,
    };
    socket.on('message', (message: Buffer) => this.#take(message));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** Connects and makes a new group with one empty, consistent volume `MACHINE/disk`. */
  static async connect(
    http: string,
    machine: string,
    sizeBytes: number,
    blockBytes = 4096,
  ): Promise<SyntheticAgent> {
    const url = `${http.replace(/^http/, 'ws')}${AGENT_SOCKET_PATH}`;
    const socket = new WebSocket(url, {
      perMessageDeflate: false,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      // A zero mask is valid, and costs nothing (RFC 6455 has masks for browsers).
      generateMask: (mask) => {
        mask.fill(0);
      },
    });
    const agent = new SyntheticAgent(socket, machine, sizeBytes, blockBytes);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    agent.#hello();
    await agent.#until(() => agent.#creditBytes > 0);
    agent.#begin();
    await agent.drain();
    return agent;
  }

  /** Sends one frame, as soon as the credit allows it. @throws Error when the session has ended */
  async send(contents: readonly Content[]): Promise<void> {
    const timeUs = systemClock.nowUs();
    const records = contents.map((content) => this.#record(content, 0, timeUs));
    const frame = encodeDataFrame(EPOCH, records);
    await this.#until(() => this.#creditBytes >= frame.length);
    this.#creditBytes -= frame.length;
    this.#socket.send(frame);
  }

  /** Waits until everything sent is stored. @throws Error when the session has ended */
  drain(): Promise<void> {
    return this.#until(() => this.#ackedN >= this.#n);
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.close();
  }

  #hello(): void {
    const hello = {
      type: 'hello',
      protocolMin: PROTOCOL_VERSION_MIN,
      protocolMax: PROTOCOL_VERSION_MAX,
      software: 'retrace-bench',
      group: this.#group,
      sessionId: randomUUID(),
      instanceId: randomUUID(),
      epoch: EPOCH,
      volumes: [this.#volume],
      acknowledged: STREAM_START,
      takeOver: false,
    };
    this.#socket.send(encodeControl(hello));
  }

  /** The records every epoch starts with; an empty volume needs no copy. */
  #begin(): void {
    const timeUs = systemClock.nowUs();
    const ofGroup = (kind: RecordKind, body: Buffer): AgentRecord =>
      this.#record(bodyContent(kind, body), GROUP_VOLUME_INDEX, timeUs);
    const ofVolume = (kind: RecordKind, body: Buffer): AgentRecord =>
      this.#record(bodyContent(kind, body), 0, timeUs);
    const mark = (body: Mark): AgentRecord => ofVolume(RECORD_KIND.mark, encodeMark(body));
    const start: Mark = { mark: 'start', software: 'retrace-bench' };
    const frame = encodeDataFrame(EPOCH, [
      ofGroup(RECORD_KIND.mark, encodeMark(start)),
      ofGroup(RECORD_KIND.define, encodeDefinition(this.#group)),
      ofVolume(RECORD_KIND.define, encodeDefinition(this.#volume)),
      mark({ mark: 'gap-open', reason: 'state-lost' }),
      mark({ mark: 'sync-begin' }),
      mark({ mark: 'sync-complete' }),
    ]);
    this.#creditBytes -= frame.length;
    this.#socket.send(frame);
  }

  #record(content: Content, volumeIndex: number, timeUs: TimeUs): AgentRecord {
    this.#n += 1;
    return { ...content, flags: 0, volumeIndex, n: this.#n as RecordNumber, timeUs };
  }

  #take(bytes: Buffer): void {
    const message = decodeServerMessage(bytes);
    if (message.type === 'welcome') this.#creditBytes = message.creditBytes;
    if (message.type === 'error') this.#fail(new Error(`${message.code}: ${message.message}`));
    if (message.type === 'ack') {
      this.#ackedN = message.n;
      this.#creditBytes += message.releasedBytes;
    }
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const bodyContent = (kind: RecordKind, body: Buffer): Content => ({
  kind,
  offset: 0 as ByteOffset,
  length: body.length,
  checksums: blockChecksums(body, Math.max(body.length, 1)),
  payload: body,
});
