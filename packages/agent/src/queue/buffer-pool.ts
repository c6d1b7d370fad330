const SIZE_BYTES_MIN = 32 * 1024;

/**
 * Large buffers that are used again. V8 marks its whole heap whenever 64 MiB of new ArrayBuffers
 * have been made, however small the heap is: with a fresh buffer for each write of 128 KiB that
 * took a third of the agent's CPU time. A buffer that is never given back is garbage like any
 * other; one that was not lent here is left alone.
 */
export class BufferPool {
  readonly #idleBytesMax: number;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #idleBytes = 0;

  /** @param idleBytesMax - memory kept for later */
  constructor(idleBytesMax: number) {
    this.#idleBytesMax = idleBytesMax;
  }

  /** Memory kept for later, in bytes. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** A buffer of exactly `length` bytes, with anything in it. Small ones are always fresh. */
  take(length: number): Buffer {
    if (length < SIZE_BYTES_MIN) return Buffer.allocUnsafeSlow(length);
    const size = 2 ** Math.ceil(Math.log2(length));
    const idle = this.#idle.get(size)?.pop();
    if (idle !== undefined) this.#idleBytes -= size;
    const memory = idle ?? new ArrayBuffer(size);
    this.#lent.add(memory);
    return Buffer.from(memory, 0, length);
  }

  /** True for a buffer that was taken here and not given back. */
  hasLent(buffer: Buffer): boolean {
    return this.#lent.has(buffer.buffer);
  }

  /** Takes a buffer back, of which nobody may use any part from now on. */
  give(buffer: Buffer): void {
    const memory = buffer.buffer;
    if (!(memory instanceof ArrayBuffer) || !this.#lent.delete(memory)) return;
    const size = memory.byteLength;
    if (this.#idleBytes + size > this.#idleBytesMax) return;
    this.#idleBytes += size;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [memory]);
    else idle.push(memory);
  }
}
