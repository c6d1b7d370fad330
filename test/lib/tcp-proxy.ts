import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { atEnd } from './cleanup.js';
import { type NetworkConditions, ProxyLane } from './proxy-lane.js';

/** Where the proxy leads. */
export type ProxyTarget =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

interface Link {
  readonly sockets: readonly [Socket, Socket];
  readonly lanes: readonly [ProxyLane, ProxyLane];
  isFrozen: boolean;
}

/** A TCP connection that goes wrong when the test says so. */
export class TcpProxy {
  readonly #target: ProxyTarget;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #conditions: NetworkConditions = { delayMs: 0, bytesPerSecond: Infinity };
  #isCut = false;

  constructor(target: ProxyTarget) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Begins to listen on a free port of the loopback. */
  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `127.0.0.1:PORT` */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections that are open now, half-open ones too. */
  get connectionCount(): number {
    return this.#links.size;
  }

  /** Resets every connection, and each new one at once, until `heal()`. */
  cut(): void {
    this.#isCut = true;
    for (const link of this.#links) reset(link);
  }

  /** Every byte takes this much longer, in each direction. */
  delay(delayMs: number): void {
    this.#conditions.delayMs = delayMs;
  }

  /** No direction of a connection carries more than this. */
  slow(bytesPerSecond: number): void {
    this.#conditions.bytesPerSecond = bytesPerSecond;
  }

  /**
   * The connections there are deliver nothing more, and neither side is told that the other has
   * closed; new ones work. So it is after a router forgot them.
   */
  halfOpen(): void {
    for (const link of this.#links) {
      link.isFrozen = true;
      for (const lane of link.lanes) lane.freeze();
    }
  }

  /** Half-open connections deliver what they held back: late packets of an old connection. */
  thaw(): void {
    for (const link of this.#links) {
      link.isFrozen = false;
      for (const lane of link.lanes) lane.thaw();
      if (link.sockets.some((socket) => socket.destroyed)) this.#close(link);
    }
  }

  /** New connections work again, at full speed. Half-open ones stay as they are. */
  heal(): void {
    this.#isCut = false;
    this.#conditions.delayMs = 0;
    this.#conditions.bytesPerSecond = Infinity;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const link of this.#links) reset(link);
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const target = connect({ ...this.#target, allowHalfOpen: true });
    const lanes = [
      new ProxyLane(client, target, this.#conditions),
      new ProxyLane(target, client, this.#conditions),
    ] as const;
    const link: Link = { sockets: [client, target], lanes, isFrozen: false };
    this.#links.add(link);
    for (const socket of link.sockets) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        if (!link.isFrozen) this.#close(link);
      });
    }
  }

  #close(link: Link): void {
    this.#links.delete(link);
    for (const socket of link.sockets) socket.destroy();
  }
}

function reset({ sockets }: Link): void {
  for (const socket of sockets) socket.resetAndDestroy();
}

/** Starts a proxy that ends with the test. */
export async function startTcpProxy(target: ProxyTarget): Promise<TcpProxy> {
  const proxy = new TcpProxy(target);
  await proxy.listen();
  atEnd(() => proxy.close());
  return proxy;
}
