const HEAD_END = Buffer.from('\r\n\r\n', 'latin1');
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * Takes the messages out of what a WebSocket server sends: the answer to the upgrade, then frames
 * that are not masked, each one whole message (RFC 6455, 5.2). Enough for the acks of our server.
 */
export class ServerFrames {
  readonly #onMessage: (message: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  #isUpgraded = false;

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  feed(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#isUpgraded) {
      const end = this.#rest.indexOf(HEAD_END);
      if (end < 0) return;
      this.#rest = this.#rest.subarray(end + HEAD_END.length);
      this.#isUpgraded = true;
    }
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      if (frame.isBinary) this.#onMessage(frame.payload);
    }
  }

  #next(): { readonly isBinary: boolean; readonly payload: Buffer } | undefined {
    const rest = this.#rest;
    if (rest.length < 2) return undefined;
    const short = rest[1]! & 0x7f;
    const headBytes = short === LENGTH_16 ? 4 : short === LENGTH_64 ? 10 : 2;
    if (rest.length < headBytes) return undefined;
    const length =
      short === LENGTH_16
        ? rest.readUInt16BE(2)
        : short === LENGTH_64
          ? Number(rest.readBigUInt64BE(2))
          : short;
    if (rest.length < headBytes + length) return undefined;
    this.#rest = rest.subarray(headBytes + length);
    const isBinary = (rest[0]! & 0x0f) === 2;
    return { isBinary, payload: rest.subarray(headBytes, headBytes + length) };
  }
}
