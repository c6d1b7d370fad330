/** {@link FrameSink.header} answers this for "not now": the header is offered again later. */
export const HOLD = -1;
/** A sink answers this for "nothing more, ever": what follows is thrown away. */
export const STOP = -2;

const EMPTY = Buffer.alloc(0);

/** Takes the frames apart that a {@link FrameIntake} finds. */
export interface FrameSink {
  /**
   * A header is at `buffer[at, at + headerBytes)`. The buffer is only borrowed.
   * Answers how many bytes of body follow (0: the next header), {@link HOLD} or {@link STOP}.
   */
  header(buffer: Buffer, at: number): number;
  /** Where a body goes that lies in several chunks: exactly `length` bytes; undefined: nowhere. */
  target(length: number): Buffer | undefined;
  /**
   * A body is complete. `data` is a slice of the chunk, the filled target, or empty when the body
   * went nowhere. Answers like {@link header}, without HOLD.
   */
  body(data: Buffer): number;
}

/**
 * Cuts a byte stream into headers of one fixed size and bodies of any size, wherever its chunks
 * end. Copies nothing that lies wholly in one chunk, and each byte of the rest once.
 */
export class FrameIntake {
  readonly #sink: FrameSink;
  readonly #headerBytes: number;
  readonly #header: Buffer;
  #headerFilled = 0;
  /** Bytes of the body announced; 0 between bodies. */
  #bodyBytes = 0;
  #bodyFilled = 0;
  #target: Buffer | undefined;
  #rest: Buffer = EMPTY;
  #held = false;
  #stopped = false;

  constructor(sink: FrameSink, headerBytes: number) {
    this.#sink = sink;
    this.#headerBytes = headerBytes;
    this.#header = Buffer.alloc(headerBytes);
  }

  /** A header was held: call {@link resume} when there is room, and feed nothing until then. */
  get held(): boolean {
    return this.#held;
  }

  /** Part of a frame has arrived, and not its end. */
  get midFrame(): boolean {
    return !this.#held && (this.#headerFilled > 0 || this.#bodyBytes > 0);
  }

  /** Takes one chunk, which it may keep slices of. Must not be called while held. */
  feed(chunk: Buffer): void {
    let at = 0;
    const end = chunk.length;
    while (at < end && !this.#stopped) {
      if (this.#bodyBytes > 0) {
        at = this.#takeBody(chunk, at);
      } else if (this.#headerFilled === 0 && end - at >= this.#headerBytes) {
        const next = this.#sink.header(chunk, at);
        if (next === HOLD) {
          this.#held = true;
          this.#rest = at === 0 ? chunk : chunk.subarray(at);
          return;
        }
        at += this.#headerBytes;
        this.#follow(next);
      } else {
        at = this.#gatherHeader(chunk, at);
        if (this.#held) {
          this.#rest = chunk.subarray(at);
          return;
        }
      }
    }
  }

  /** Offers the held header again and goes on from there. It may be held once more. */
  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    const rest = this.#rest;
    this.#rest = EMPTY;
    if (this.#headerFilled === this.#headerBytes && !this.#offerGathered()) {
      this.#rest = rest;
      return;
    }
    if (rest.length > 0) this.feed(rest);
  }

  #gatherHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#headerBytes - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + taken);
    this.#headerFilled += taken;
    if (this.#headerFilled === this.#headerBytes) this.#offerGathered();
    return at + taken;
  }

  #offerGathered(): boolean {
    const next = this.#sink.header(this.#header, 0);
    if (next === HOLD) {
      this.#held = true;
      return false;
    }
    this.#headerFilled = 0;
    this.#follow(next);
    return true;
  }

  #takeBody(chunk: Buffer, at: number): number {
    const missing = this.#bodyBytes - this.#bodyFilled;
    const taken = Math.min(missing, chunk.length - at);
    if (this.#bodyFilled === 0) {
      if (taken === this.#bodyBytes) {
        this.#bodyBytes = 0;
        this.#follow(this.#sink.body(chunk.subarray(at, at + taken)));
        return at + taken;
      }
      this.#target = this.#sink.target(this.#bodyBytes);
    }
    if (this.#target !== undefined) chunk.copy(this.#target, this.#bodyFilled, at, at + taken);
    this.#bodyFilled += taken;
    if (taken === missing) {
      const data = this.#target ?? EMPTY;
      this.#target = undefined;
      this.#bodyBytes = 0;
      this.#bodyFilled = 0;
      this.#follow(this.#sink.body(data));
    }
    return at + taken;
  }

  #follow(next: number): void {
    if (next === STOP) {
      this.#stopped = true;
      this.#bodyBytes = 0;
    } else {
      this.#bodyBytes = next;
    }
  }
}
