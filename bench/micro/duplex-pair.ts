import { Duplex } from 'node:stream';

/** One end of a stream in memory. */
class End extends Duplex {
  peer: End | undefined;
  #wake: (() => void) | undefined;

  override _read(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.peer?.accept(chunk, done) !== true) done();
  }

  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }

  /** Hands a chunk to the reader of this end; true when `done` is called only once it was read. */
  accept(chunk: Buffer, done: () => void): boolean {
    if (this.push(chunk)) return false;
    this.#wake = done;
    return true;
  }
}

/** Two ends: what is written to one can be read from the other. Bytes are not copied. */
export function duplexPair(): readonly [Duplex, Duplex] {
  const [one, other] = [new End(), new End()];
  one.peer = other;
  other.peer = one;
  return [one, other];
}
