import { NbdError } from '../../errors.js';
import { decodeText } from '../../protocol/text.js';

/** Takes the data of an option apart; what does not fit is NBD_INVALID_OPTION. */
export class OptionData {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  uint16(): number {
    return this.#bytes(2).readUInt16BE(0);
  }

  uint32(): number {
    return this.#bytes(4).readUInt32BE(0);
  }

  /** A string behind its length as uint32. */
  text(): string {
    return decodeText(this.#bytes(this.uint32()));
  }

  /** All has been read. */
  end(): void {
    if (this.#at !== this.#data.length) {
      throw new NbdError('NBD_INVALID_OPTION', 'the option has more data than it should');
    }
  }

  #bytes(count: number): Buffer {
    if (count > this.#data.length - this.#at) {
      throw new NbdError('NBD_INVALID_OPTION', 'the option has less data than it should');
    }
    this.#at += count;
    return this.#data.subarray(this.#at - count, this.#at);
  }
}
