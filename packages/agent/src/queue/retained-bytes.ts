/**
 * How much memory keeping a payload costs. Payloads are slices of what the socket delivered, up to
 * 64 KiB: a small one keeps its whole chunk alive. Slices of one chunk come one after another, so
 * the first that is kept pays for the chunk and those after it pay nothing.
 */
export class RetainedBytes {
  #last: ArrayBufferLike | undefined;

  /** Bytes that keeping `payload` adds. */
  of(payload: Buffer): number {
    const chunk = payload.buffer;
    if (chunk === this.#last) return 0;
    this.#last = chunk;
    return chunk.byteLength;
  }
}
