import type { Duplex } from 'node:stream';
import { NbdError } from '../../errors.js';
import { ByteReader } from '../../protocol/byte-reader.js';
import {
  OPTION_REPLY_HEADER_BYTES,
  OPTION_REPLY_MAGIC,
  OptionReply,
} from '../../protocol/constants.js';
import { encodeText } from '../../protocol/text.js';

/** Replies of one option are gathered up to here before the peer has to take some. */
const GATHER_BYTES = 64 * 1024;

/** Both directions of a connection during its handshake. */
export class HandshakeChannel {
  readonly reader: ByteReader;
  readonly #stream: Duplex;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.reader = new ByteReader(stream);
  }

  /** Adds bytes to what {@link flush} sends. Waits where the peer takes nothing. */
  async send(bytes: Buffer): Promise<void> {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= GATHER_BYTES) await this.flush();
  }

  /** Adds one reply to an option. */
  reply(option: number, type: number, data?: Buffer): Promise<void> {
    const length = data?.length ?? 0;
    const reply = Buffer.allocUnsafe(OPTION_REPLY_HEADER_BYTES + length);
    reply.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
    reply.writeUInt32BE(option, 8);
    reply.writeUInt32BE(type, 12);
    reply.writeUInt32BE(length, 16);
    data?.copy(reply, OPTION_REPLY_HEADER_BYTES);
    return this.send(reply);
  }

  /** Says yes to an option. */
  acknowledge(option: number): Promise<void> {
    return this.reply(option, OptionReply.ACK);
  }

  /** Says no to an option, and why. */
  refuse(option: number, error: NbdError): Promise<void> {
    return this.reply(option, error.optionReply, encodeText(error.wireText));
  }

  /**
   * Sends what was added, and waits until it has left.
   *
   * @throws NbdError NBD_DISCONNECTED when the peer is gone.
   */
  flush(): Promise<void> {
    const pieces = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (pieces.length === 0) return Promise.resolve();
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      const gone = (cause?: Error): void => {
        stream.off('close', gone);
        reject(new NbdError('NBD_DISCONNECTED', 'the peer is gone', { cause }));
      };
      // Not every stream ends a write it was cut in.
      stream.once('close', gone);
      stream.write(Buffer.concat(pieces), (cause) => {
        if (cause !== null && cause !== undefined) {
          gone(cause);
          return;
        }
        stream.off('close', gone);
        resolve();
      });
    });
  }
}
