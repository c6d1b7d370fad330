import type { Duplex } from 'node:stream';
import { type NbdUri, parseUri } from '../address/uri.js';
import { NbdError } from '../errors.js';
import type { NbdExportListing, NbdExtent } from '../export/export.js';
import { Command, CommandFlag, Option } from '../protocol/constants.js';
import { dial } from './dial.js';
import { askInfo, askList, greetServer, negotiateGo } from './handshake.js';
import type { NbdClientInfo } from './info.js';
import { encodeOption, NbdRawClient } from './raw.js';
import { RequestStream } from './request-stream.js';

const TIMEOUT_MS = 30_000;

/** How to connect. */
export interface NbdClientOptions {
  /** Bound of connecting, and again of the handshake. Default 30 s. */
  readonly timeoutMs?: number;
  /** Ask for structured replies and base:allocation. Default true. */
  readonly structured?: boolean;
}

/** Options of one write. */
export interface NbdWriteOptions {
  /** Answered only when it is on stable storage. */
  readonly fua?: boolean;
}

/**
 * A client of one export. Requests may be issued without waiting for one another; each promise
 * rejects with an NbdError in the server's words, or NBD_DISCONNECTED when the connection is lost.
 *
 * @example
 * const client = await NbdClient.connect('nbd://127.0.0.1:10809/disk');
 * await client.write(0, Buffer.from('hello'));
 * await client.flush();
 * await client.close();
 */
export class NbdClient {
  /** What the server said of the export. */
  readonly info: NbdClientInfo;
  /** {@link blockStatus} can be asked for. */
  readonly hasBlockStatus: boolean;
  readonly #requests: RequestStream;

  private constructor(info: NbdClientInfo, requests: RequestStream) {
    this.info = info;
    this.hasBlockStatus = requests.hasAllocation;
    this.#requests = requests;
  }

  /** Connects and opens. @throws NbdError NBD_BAD_URI, NBD_CONNECT_FAILED, or the server's. */
  static async connect(uri: string | NbdUri, options: NbdClientOptions = {}): Promise<NbdClient> {
    const { address, exportName } = typeof uri === 'string' ? parseUri(uri) : uri;
    const stream = await dial(address, options.timeoutMs ?? TIMEOUT_MS);
    return NbdClient.over(stream, exportName, options);
  }

  /** Opens an export over a stream that is connected already. */
  static over(
    stream: Duplex,
    exportName: string,
    options: NbdClientOptions = {},
  ): Promise<NbdClient> {
    return withRaw(stream, options.timeoutMs ?? TIMEOUT_MS, async (raw) => {
      const structured = options.structured ?? true;
      const agreement = await negotiateGo(raw, exportName, { structured });
      return new NbdClient(agreement.info, new RequestStream(raw, agreement));
    });
  }

  /** The exports a server lists. */
  static list(
    uri: string | NbdUri,
    options: NbdClientOptions = {},
  ): Promise<readonly NbdExportListing[]> {
    return once(uri, options, (raw) => askList(raw));
  }

  /** What a server says of an export, without opening it. */
  static info(uri: string | NbdUri, options: NbdClientOptions = {}): Promise<NbdClientInfo> {
    return once(uri, options, (raw, name) => askInfo(raw, Option.INFO, name));
  }

  /** Resolves, once, when the connection is over; with the reason unless {@link close} was it. */
  get closed(): Promise<NbdError | undefined> {
    return this.#requests.closed;
  }

  /** Reads `length` bytes, at most `info.maxPayloadBytes`. */
  async read(offset: number, length: number): Promise<Buffer> {
    const target = Buffer.allocUnsafeSlow(length);
    await this.readInto(offset, target);
    return target;
  }

  /** Fills all of `target`, which must not be touched until then. */
  async readInto(offset: number, target: Buffer): Promise<void> {
    await this.#requests.send(Command.READ, 0, offset, target.length, { target });
  }

  /** Writes `data`, which must not be changed until it is answered. */
  async write(offset: number, data: Buffer, options: NbdWriteOptions = {}): Promise<void> {
    await this.#requests.send(Command.WRITE, fuaOf(options), offset, data.length, { data });
  }

  /** Makes all writes answered before durable. */
  async flush(): Promise<void> {
    await this.#requests.send(Command.FLUSH, 0, 0, 0);
  }

  /** Says that the contents of a range are needed no more. `length` < 4 GiB. */
  async trim(offset: number, length: number, options: NbdWriteOptions = {}): Promise<void> {
    await this.#requests.send(Command.TRIM, fuaOf(options), offset, length);
  }

  /** Brings a range into the server's memory. */
  async cache(offset: number, length: number): Promise<void> {
    await this.#requests.send(Command.CACHE, 0, offset, length);
  }

  /** Writes zeros. `length` < 4 GiB. */
  async writeZeroes(
    offset: number,
    length: number,
    options: NbdWriteOptions & { readonly noHole?: boolean; readonly fastOnly?: boolean } = {},
  ): Promise<void> {
    const flags =
      fuaOf(options) |
      (options.noHole === true ? CommandFlag.NO_HOLE : 0) |
      (options.fastOnly === true ? CommandFlag.FAST_ZERO : 0);
    await this.#requests.send(Command.WRITE_ZEROES, flags, offset, length);
  }

  /** Extents from `offset` on; they may cover less than was asked for, but at least something. */
  async blockStatus(
    offset: number,
    length: number,
    options: { readonly one?: boolean } = {},
  ): Promise<readonly NbdExtent[]> {
    if (!this.hasBlockStatus) {
      throw new NbdError('NBD_UNSUPPORTED', 'the server does not offer base:allocation');
    }
    const flags = options.one === true ? CommandFlag.REQ_ONE : 0;
    const answer = await this.#requests.send(Command.BLOCK_STATUS, flags, offset, length);
    return answer.extents ?? [];
  }

  /**
   * Says goodbye and closes. What is still in flight rejects with NBD_CLOSED: wait for it first.
   */
  close(): Promise<void> {
    return this.#requests.close();
  }

  /** Closes without a goodbye. */
  destroy(): void {
    this.#requests.destroy();
  }
}

const fuaOf = (options: NbdWriteOptions): number => (options.fua === true ? CommandFlag.FUA : 0);

/** Does something with a connection that is in its handshake; a failure closes it. */
async function withRaw<Value>(
  stream: Duplex,
  timeoutMs: number,
  use: (raw: NbdRawClient) => Promise<Value>,
): Promise<Value> {
  const raw = new NbdRawClient(stream);
  const timer = setTimeout(() => {
    raw.fail(new NbdError('NBD_HANDSHAKE_TIMEOUT', `no handshake within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await use(raw);
  } catch (error) {
    raw.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function once<Value>(
  uri: string | NbdUri,
  options: NbdClientOptions,
  ask: (raw: NbdRawClient, exportName: string) => Promise<Value>,
): Promise<Value> {
  const { address, exportName } = typeof uri === 'string' ? parseUri(uri) : uri;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const stream = await dial(address, timeoutMs);
  return withRaw(stream, timeoutMs, async (raw) => {
    await greetServer(raw);
    const answer = await ask(raw, exportName);
    raw.send(encodeOption(Option.ABORT));
    await raw.optionReply().catch(() => undefined);
    raw.destroy();
    return answer;
  });
}
