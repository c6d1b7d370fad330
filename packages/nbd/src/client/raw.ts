import type { Duplex } from 'node:stream';
import { type NbdAddress, parseUri } from '../address/uri.js';
import { NbdError } from '../errors.js';
import { ByteReader } from '../protocol/byte-reader.js';
import {
  GREETING_MAGIC,
  HandshakeFlag,
  OPTION_HEADER_BYTES,
  OPTION_MAGIC,
  OPTION_REPLY_HEADER_BYTES,
  OPTION_REPLY_MAGIC,
  REQUEST_BYTES,
  REQUEST_MAGIC,
} from '../protocol/constants.js';
import { dial } from './dial.js';

const OPTION_REPLY_BYTES_MAX = 64 * 1024;
const CONNECT_TIMEOUT_MS = 30_000;

/** One reply to an option. */
export interface RawOptionReply {
  readonly option: number;
  /** One of `OptionReply` or `ErrorReply`. */
  readonly type: number;
  readonly data: Buffer;
}

/** The fields of a request, sent as they are, however wrong. */
export interface RawRequest {
  readonly command: number;
  readonly cookie: bigint;
  readonly flags?: number;
  readonly offset?: bigint;
  readonly length?: number;
}

/** The bytes of a request's header. */
export function encodeRequest(request: RawRequest): Buffer {
  const header = Buffer.allocUnsafe(REQUEST_BYTES);
  header.writeUInt32BE(REQUEST_MAGIC, 0);
  header.writeUInt16BE(request.flags ?? 0, 4);
  header.writeUInt16BE(request.command, 6);
  header.writeBigUInt64BE(request.cookie, 8);
  header.writeBigUInt64BE(request.offset ?? 0n, 16);
  header.writeUInt32BE(request.length ?? 0, 24);
  return header;
}

/** The bytes of an option. */
export function encodeOption(option: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.allocUnsafe(OPTION_HEADER_BYTES);
  header.writeBigUInt64BE(OPTION_MAGIC, 0);
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(data.length, 12);
  return Buffer.concat([header, data]);
}

/**
 * A client that knows the frames of the protocol and nothing of their meaning: for tests of
 * servers, which need to be sent what no decent client would send.
 */
export class NbdRawClient {
  readonly stream: Duplex;
  readonly #reader: ByteReader;

  /** Speaks over any stream; nothing is sent yet. */
  constructor(stream: Duplex) {
    this.stream = stream;
    this.#reader = new ByteReader(stream);
    stream.on('error', () => undefined);
  }

  /** Connects. @throws NbdError NBD_BAD_URI, NBD_CONNECT_FAILED. */
  static async connect(
    where: string | NbdAddress,
    timeoutMs: number = CONNECT_TIMEOUT_MS,
  ): Promise<NbdRawClient> {
    const address = typeof where === 'string' ? parseUri(where).address : where;
    return new NbdRawClient(await dial(address, timeoutMs));
  }

  /** Sends bytes. */
  send(...pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.stream.write(piece);
  }

  /** The next bytes. @throws NbdError NBD_DISCONNECTED when the server closes before. */
  receive(bytes: number): Promise<Buffer> {
    return this.#reader.read(bytes);
  }

  /** Takes the greeting and sends the client's flags; the server's handshake flags. */
  async greet(
    clientFlags: number = HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES,
  ): Promise<number> {
    const greeting = await this.receive(18);
    if (
      greeting.readBigUInt64BE(0) !== GREETING_MAGIC ||
      greeting.readBigUInt64BE(8) !== OPTION_MAGIC
    ) {
      throw new NbdError('NBD_BAD_MAGIC', 'this is not a newstyle NBD server');
    }
    const flags = Buffer.allocUnsafe(4);
    flags.writeUInt32BE(clientFlags, 0);
    this.send(flags);
    return greeting.readUInt16BE(16);
  }

  /** The next reply to an option. @throws NbdError NBD_PROTOCOL, NBD_DISCONNECTED. */
  async optionReply(): Promise<RawOptionReply> {
    const header = await this.receive(OPTION_REPLY_HEADER_BYTES);
    const length = header.readUInt32BE(16);
    if (header.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC || length > OPTION_REPLY_BYTES_MAX) {
      throw new NbdError('NBD_PROTOCOL', 'a reply to an option is malformed');
    }
    const option = header.readUInt32BE(8);
    const type = header.readUInt32BE(12);
    return { option, type, data: await this.receive(length) };
  }

  /** Ends reads with this error. */
  fail(error: NbdError): void {
    this.#reader.fail(error);
    this.stream.destroy();
  }

  /** Gives the stream away, with what was received and not read. */
  release(): readonly Buffer[] {
    return this.#reader.release();
  }

  /** Closes without a goodbye. */
  destroy(): void {
    this.stream.destroy();
  }
}
