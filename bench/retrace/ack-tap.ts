import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { decodeServerMessage } from '@retrace/core';
import { ServerFrames } from './server-frames.js';

/** An ack as it passed: everything up to n was stored by then. */
export interface SeenAck {
  readonly n: number;
  /** Monotonic, in milliseconds. */
  readonly atMs: number;
}

/** A TCP proxy between agent and server that notes when each ack passes. */
export class AckTap {
  /** The URL to give the agent. */
  readonly http: string;
  readonly acks: SeenAck[] = [];
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(listener: Server, port: number) {
    this.#listener = listener;
    this.http = `http://127.0.0.1:${port}`;
  }

  /** @param target - URL of the server */
  static async start(target: string): Promise<AckTap> {
    const { hostname, port } = new URL(target);
    const listener = createServer();
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(0, '127.0.0.1', resolve);
    });
    const tap = new AckTap(listener, (listener.address() as AddressInfo).port);
    listener.on('connection', (agent) => {
      tap.#join(agent, connect({ host: hostname, port: Number(port) }));
    });
    return tap;
  }

  /** n of the newest ack; 0 before the first. */
  get ackedN(): number {
    return this.acks.at(-1)?.n ?? 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #join(agent: Socket, server: Socket): void {
    const frames = new ServerFrames((message) => this.#note(message));
    const both = [agent, server];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    server.on('data', (chunk) => frames.feed(chunk));
    agent.pipe(server);
    server.pipe(agent);
  }

  #note(message: Buffer): void {
    const decoded = decodeServerMessage(message);
    if (decoded.type === 'ack') this.acks.push({ n: decoded.n, atMs: performance.now() });
  }
}
