import type { Duplex } from 'node:stream';
import { asNbdError, NbdError } from '../errors.js';
import type { NbdConnection } from '../export/export.js';
import type { ServerContext } from './context.js';
import { HandshakeChannel } from './handshake/channel.js';
import { negotiate } from './handshake/negotiate.js';
import { closeExport } from './handshake/session.js';
import { type Agreement, Transmission } from './transmission/transmission.js';

/** One connection from its first byte to the close of its export. */
export class Connection implements NbdConnection {
  readonly id: number;
  readonly remote: string;
  readonly #stream: Duplex;
  readonly #context: ServerContext;
  readonly #gone = new AbortController();
  #channel: HandshakeChannel | undefined;
  #transmission: Transmission | undefined;
  #draining = false;

  constructor(stream: Duplex, id: number, remote: string, context: ServerContext) {
    this.#stream = stream;
    this.id = id;
    this.remote = remote;
    this.#context = context;
    const gone = (): void => this.#gone.abort();
    stream.on('end', gone);
    stream.on('close', gone);
    // What an error means is decided by whoever reads; nobody may be surprised by one.
    stream.on('error', gone);
  }

  get closed(): AbortSignal {
    return this.#gone.signal;
  }

  /** No export has been chosen yet. */
  get inHandshake(): boolean {
    return this.#transmission === undefined;
  }

  /** Serves until all is over, the export's close included. Never rejects. */
  async run(): Promise<void> {
    const { emit, stats } = this.#context;
    const { id: connection, remote } = this;
    emit({ kind: 'connection-opened', connection, remote });
    const error = await this.#serve();
    if (error !== undefined) stats.connectionsFailedTotal += 1;
    emit({
      kind: 'connection-closed',
      connection,
      remote,
      ...(error === undefined ? {} : { error }),
    });
  }

  /** Finishes what is in flight, answers the rest with ESHUTDOWN, then closes. */
  shutdown(): void {
    this.#draining = true;
    this.#channel?.reader.fail(new NbdError('NBD_SHUTDOWN', 'the server is shutting down'));
    this.#transmission?.shutdown();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#stream.destroy();
    this.#gone.abort();
  }

  async #serve(): Promise<NbdError | undefined> {
    let agreement: Agreement | undefined;
    try {
      const channel = new HandshakeChannel(this.#stream);
      agreement = await this.#handshake(channel);
      if (agreement === undefined) {
        this.#end();
        return undefined;
      }
      this.#tellOpened(agreement);
      return await this.#transmit(agreement, channel);
    } catch (error) {
      this.#stream.destroy();
      return asNbdError(error);
    } finally {
      this.#gone.abort();
      if (agreement !== undefined) {
        await closeExport({ context: this.#context, connection: this }, agreement.handle);
      }
    }
  }

  #tellOpened({ exportName, handle }: Agreement): void {
    const { id: connection, remote } = this;
    const canonicalName = handle.info.name;
    const kind = 'export-opened';
    this.#context.emit({ kind, connection, remote, exportName, canonicalName });
  }

  async #handshake(channel: HandshakeChannel): Promise<Agreement | undefined> {
    this.#channel = channel;
    const { handshakeTimeoutMs } = this.#context.limits;
    // Its own timer runs while it waits: a queue too long for it says that the server is overrun.
    const timer = setTimeout(() => {
      const text = `no export was chosen within ${handshakeTimeoutMs} ms`;
      channel.reader.fail(new NbdError('NBD_HANDSHAKE_TIMEOUT', text));
      this.#stream.destroy();
    }, handshakeTimeoutMs);
    try {
      return await negotiate(channel, this.#context, this, () => this.#draining);
    } finally {
      clearTimeout(timer);
      this.#channel = undefined;
    }
  }

  #transmit(agreement: Agreement, channel: HandshakeChannel): Promise<NbdError | undefined> {
    const transmission = new Transmission(this.#stream, this.#context, this.id, agreement);
    this.#transmission = transmission;
    const done = transmission.run(channel.reader.release());
    if (this.#draining) transmission.shutdown();
    return done;
  }

  /** The client has said goodbye: what was sent goes out, then the stream ends. */
  #end(): void {
    const stream = this.#stream;
    const timer = setTimeout(() => stream.destroy(), this.#context.limits.lingerMs);
    timer.unref();
    stream.once('close', () => clearTimeout(timer));
    stream.resume();
    stream.once('end', () => stream.destroy());
    stream.end();
  }
}
