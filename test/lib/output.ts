/** What a program printed: all of it counted, the newest part kept. */
export class Output {
  readonly #limitBytes: number;
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  #droppedBytes = 0;

  /** @param limitBytes at most so much is kept (and one chunk more) */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  append(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#keptBytes += chunk.length;
    while (this.#keptBytes > this.#limitBytes && this.#chunks.length > 1) {
      const dropped = this.#chunks.shift()?.length ?? 0;
      this.#keptBytes -= dropped;
      this.#droppedBytes += dropped;
    }
  }

  /** What is kept, with a first line that says how much is not. */
  get text(): string {
    const kept = Buffer.concat(this.#chunks).toString('utf8');
    return this.#droppedBytes === 0 ? kept : `[${this.#droppedBytes} bytes before]\n${kept}`;
  }

  /** The last lines, for error messages. */
  tail(lines = 20): string {
    return this.text.trimEnd().split('\n').slice(-lines).join('\n');
  }
}
