import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  AGENT_SOCKET_PATH,
  type AgentRecord,
  blockChecksums,
  checksumDigest,
  crc32c,
  type Definition,
  decodeServerMessage,
  type Epoch,
  encodeControl,
  encodeDataFrame,
  encodeDefinition,
  encodeMark,
  GROUP_VOLUME_INDEX,
  type Hello,
  type Mark,
  NO_CHECKSUMS,
  NO_PAYLOAD,
  RECORD_KIND,
  type ServerMessage,
  STREAM_START,
} from '@retrace/core';
import { WebSocket } from 'ws';

const BLOCK_BYTES = 4096;

/** A session that a test drives message by message. */
export class ScriptedAgent {
  readonly ws: WebSocket;
  readonly received: ServerMessage[] = [];
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
  readonly hello: Hello;
  n = 0;
  readonly #wake: (() => void)[] = [];

  private constructor(ws: WebSocket, hello: Hello) {
    this.ws = ws;
    this.hello = hello;
    ws.on('message', (data: Buffer) => {
      this.received.push(decodeServerMessage(data));
      for (const wake of this.#wake.splice(0)) wake();
    });
    ws.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      ws.once('close', (code) => {
        resolve(code);
        for (const wake of this.#wake.splice(0)) wake();
      });
    });
  }

  /** Connects; rejects with `HTTP STATUS CODE` when the upgrade is refused. */
  static async connect(
    httpUrl: string,
    hello: Partial<Hello> = {},
    token?: string,
  ): Promise<ScriptedAgent> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const ws = new WebSocket(`${httpUrl.replace('http', 'ws')}${AGENT_SOCKET_PATH}`, { headers });
    const agent = new ScriptedAgent(ws, { ...agentHello('web-01'), ...hello });
    await new Promise<void>((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('error', reject);
      ws.once('unexpected-response', (_request, response) => {
        response.setEncoding('utf8');
        let body = '';
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => reject(new Error(`HTTP ${response.statusCode} ${body}`)));
      });
    });
    return agent;
  }

  /** Connects, says hello and waits for the welcome. */
  static async open(
    httpUrl: string,
    hello: Partial<Hello> = {},
    token?: string,
  ): Promise<ScriptedAgent> {
    const agent = await ScriptedAgent.connect(httpUrl, hello, token);
    agent.sendHello();
    await agent.next('welcome');
    return agent;
  }

  sendHello(): void {
    this.ws.send(encodeControl(this.hello));
  }

  /** The first message of a type, as soon as it is there. */
  async next<T extends ServerMessage['type']>(
    type: T,
    matches: (message: Extract<ServerMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<ServerMessage, { type: T }>> {
    for (;;) {
      const found = this.received.find(
        (message): message is Extract<ServerMessage, { type: T }> =>
          message.type === type && matches(message as Extract<ServerMessage, { type: T }>),
      );
      if (found !== undefined) return found;
      if (this.ws.readyState === WebSocket.CLOSED) {
        throw new Error(`closed without ${type}: ${JSON.stringify(this.received)}`);
      }
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Sends records that carry on from the last one. */
  send(...records: AgentRecord[]): void {
    this.ws.send(this.frame(...records));
  }

  frame(...records: AgentRecord[]): Buffer {
    return encodeDataFrame(this.hello.epoch as Epoch, records);
  }

  /** Waits until record n is durable. */
  async acked(n = this.n): Promise<void> {
    await this.next('ack', (ack) => ack.n >= n);
  }

  write(offset: number, payload: Buffer, fields: Partial<AgentRecord> = {}): AgentRecord {
    return {
      ...this.#record(RECORD_KIND.write, 0),
      ...{ offset: offset as AgentRecord['offset'], length: payload.length, payload },
      checksums: blockChecksums(payload, BLOCK_BYTES),
      ...fields,
    };
  }

  mark(mark: Mark, volumeIndex = GROUP_VOLUME_INDEX): AgentRecord {
    const payload = encodeMark(mark);
    const checksums = Uint32Array.of(crc32c(payload));
    return {
      ...this.#record(RECORD_KIND.mark, volumeIndex),
      ...{ length: payload.length, payload, checksums },
    };
  }

  define(definition: Definition, volumeIndex = GROUP_VOLUME_INDEX): AgentRecord {
    const payload = encodeDefinition(definition);
    const checksums = Uint32Array.of(crc32c(payload));
    return {
      ...this.#record(RECORD_KIND.define, volumeIndex),
      ...{ length: payload.length, payload, checksums },
    };
  }

  #record(kind: AgentRecord['kind'], volumeIndex: number): AgentRecord {
    this.n += 1;
    return {
      ...{ kind, flags: 0, volumeIndex, n: this.n as AgentRecord['n'] },
      timeUs: (Date.now() * 1000) as AgentRecord['timeUs'],
      offset: 0 as AgentRecord['offset'],
      ...{ length: 0, checksums: NO_CHECKSUMS, payload: NO_PAYLOAD },
    };
  }

  async close(): Promise<void> {
    if (this.ws.readyState === WebSocket.CLOSED) return;
    this.ws.terminate();
    await once(this.ws, 'close');
  }
}

/** A hello of a machine with one volume `root`; the uuids depend on the name only. */
export const agentHello = (machine: string, sizeBytes = 1 << 20): Hello => ({
  type: 'hello',
  ...{ protocolMin: 1, protocolMax: 1, software: 'scripted agent' },
  group: { define: 'group', uuid: uuidOf(machine), name: machine },
  ...{ sessionId: `session-${machine}`, instanceId: randomUUID(), epoch: 1 },
  volumes: [
    {
      ...{ define: 'volume', uuid: uuidOf(`${machine}/root`), machine, name: 'root' },
      ...{ sizeBytes, blockBytes: BLOCK_BYTES },
    },
  ],
  ...{ acknowledged: STREAM_START, takeOver: false },
});

const uuidOf = (text: string): string => {
  const digits = checksumDigest(Uint32Array.from(Buffer.from(text)))
    .toString(16)
    .padStart(8, '0');
  return `${digits}-0000-4000-8000-000000000000`;
};
