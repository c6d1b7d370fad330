import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ListenAddress, listen } from '../address/listen.js';
import { formatUri, type NbdAddress } from '../address/uri.js';
import { NbdError } from '../errors.js';
import type { NbdExportProvider } from '../export/export.js';
import { type NbdLimits, resolveLimits } from '../limits.js';
import { Budget } from './budget.js';
import { Connection } from './connection.js';
import type { ServerContext } from './context.js';
import { guardedListener, type NbdEventListener } from './events.js';
import { type NbdServerStats, StatsCounter } from './stats.js';
import { TurnQueue } from './turn-queue.js';

const CLOSE_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_DELAY_MS = 30_000;

/** What a server needs. */
export interface NbdServerOptions {
  readonly provider: NbdExportProvider;
  /** Replaces some of the default limits. */
  readonly limits?: Partial<NbdLimits>;
  /** Told what happens. Called synchronously: be quick. */
  readonly onEvent?: NbdEventListener;
  /** Shared with other servers of the process. Default: one of its own. */
  readonly turns?: TurnQueue;
}

/** What a listening server needs. */
export interface NbdListenOptions extends NbdServerOptions {
  readonly address: ListenAddress;
}

/**
 * An NBD server over whatever its provider opens.
 *
 * @example
 * const server = await NbdServer.listen({ address: { path: '/run/disk.sock' }, provider });
 * console.log(server.uri('disk')); // nbd+unix:///disk?socket=/run/disk.sock
 * await server.close();
 */
export class NbdServer {
  readonly #context: ServerContext;
  readonly #connections = new Set<Connection>();
  readonly #running = new Set<Promise<void>>();
  #listener: Server | undefined;
  #address: NbdAddress | undefined;
  #lastId = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: NbdServerOptions) {
    const limits = resolveLimits(options.limits);
    this.#context = {
      provider: options.provider,
      limits,
      budget: new Budget(limits.serverRequestsMax, limits.serverBytesMax),
      stats: new StatsCounter(),
      emit: guardedListener(options.onEvent),
      turns: options.turns ?? new TurnQueue(),
    };
  }

  /** A server without an address, for streams that others accept: see {@link serve}. */
  static create(options: NbdServerOptions): NbdServer {
    return new NbdServer(options);
  }

  /**
   * A server that listens. Port 0 means any free port. A unix socket that a dead server left
   * behind is replaced; one that somebody listens on is not.
   *
   * @throws NbdError NBD_ADDRESS_IN_USE, NBD_LISTEN_FAILED, NBD_BAD_LIMIT.
   */
  static async listen(options: NbdListenOptions): Promise<NbdServer> {
    const server = new NbdServer(options);
    const { listener, address } = await listen(options.address, (socket) => server.#accept(socket));
    listener.on('error', (error) => server.#context.emit({ kind: 'listener-failed', error }));
    server.#listener = listener;
    server.#address = address;
    return server;
  }

  /**
   * Where the server listens, with the port it really has.
   *
   * @throws NbdError NBD_NOT_LISTENING when it was made by {@link create}.
   */
  get address(): NbdAddress {
    if (this.#address === undefined) {
      throw new NbdError('NBD_NOT_LISTENING', 'the server has no address');
    }
    return this.#address;
  }

  /** The URI of an export (of the default one, named '', when none is given). */
  uri(exportName = ''): string {
    return formatUri({ address: this.address, exportName });
  }

  /** The counters, as they are now. */
  get stats(): NbdServerStats {
    const { stats, budget } = this.#context;
    return stats.snapshot(budget.requests, budget.bytes);
  }

  /**
   * Serves one client over any stream: an accepted socket, or standard input and output. Resolves
   * when the connection is over and its export closed; never rejects.
   *
   * @param remote what events and backends call the peer.
   */
  serve(stream: Duplex, remote = 'stream'): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      stream.on('error', () => undefined);
      stream.destroy();
      this.#context.stats.connectionsRefusedTotal += 1;
      this.#context.emit({ kind: 'connection-refused', remote, error: refusal });
      return Promise.resolve();
    }
    this.#lastId += 1;
    const { stats } = this.#context;
    const connection = new Connection(stream, this.#lastId, remote, this.#context);
    this.#connections.add(connection);
    stats.connectionsTotal += 1;
    stats.connectionsNow += 1;
    const running = connection.run().finally(() => {
      this.#connections.delete(connection);
      this.#running.delete(running);
      stats.connectionsNow -= 1;
    });
    this.#running.add(running);
    return running;
  }

  /**
   * Stops listening, finishes what is in flight, answers the rest with ESHUTDOWN, closes every
   * connection and export. What is not done after `timeoutMs` (default 10 s) is cut; backends
   * that have not answered by then are not waited for.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeoutMs ?? CLOSE_TIMEOUT_MS);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const listener = this.#listener;
    const listenerClosed = new Promise<void>((resolve) => {
      if (listener === undefined) resolve();
      else listener.close(() => resolve());
    });
    for (const connection of this.#connections) connection.shutdown();
    const everything = Promise.all([listenerClosed, ...this.#running]);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy();
        // One turn for the sockets to go; who still waits for a backend is left behind.
        setImmediate(resolve);
      }, timeoutMs);
    });
    await Promise.race([everything, timeout]);
    clearTimeout(timer);
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    const { remoteAddress, remotePort } = socket;
    void this.serve(
      socket,
      remoteAddress === undefined ? 'unix' : `${remoteAddress}:${remotePort}`,
    );
  }

  #refusal(): NbdError | undefined {
    const { connectionsMax, handshakesMax } = this.#context.limits;
    if (this.#closing !== undefined) {
      return new NbdError('NBD_SHUTDOWN', 'the server is shutting down');
    }
    if (this.#connections.size >= connectionsMax) {
      return new NbdError('NBD_TOO_MANY_CONNECTIONS', `more than ${connectionsMax} connections`);
    }
    let handshakes = 0;
    for (const connection of this.#connections) if (connection.inHandshake) handshakes += 1;
    if (handshakes < handshakesMax) return undefined;
    return new NbdError('NBD_TOO_MANY_HANDSHAKES', `more than ${handshakesMax} handshakes`);
  }
}
