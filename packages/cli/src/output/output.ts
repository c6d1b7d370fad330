import type { Writable } from 'node:stream';
import type { Io } from '../io.js';
import { ReaderGone, writeAll } from './write.js';

/** What a command says: to people as text, to programs as one JSON value. Both on stdout. */
export class Output {
  readonly json: boolean;
  readonly #io: Io;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.json = json;
  }

  /** The command's result: `value` with --json, else what `text` makes of it. */
  async result(value: unknown, text: () => string): Promise<void> {
    const shown = this.json ? JSON.stringify(value) : text();
    if (shown !== '') await this.line(shown);
  }

  /** One line on stdout, in both ways. */
  async line(text: string): Promise<void> {
    await writeAll(this.stdout, `${text}\n`);
  }

  /** An event for whoever watches: if nobody does any more, that is no error. */
  async event(event: object): Promise<void> {
    try {
      await this.line(JSON.stringify(event));
    } catch (error) {
      if (!(error instanceof ReaderGone)) throw error;
    }
  }

  /** One line on stderr, in both ways. */
  async warning(text: string): Promise<void> {
    await writeAll(this.#io.stderr, `${text}\n`);
  }

  /** A remark for people on stderr; nothing with --json. */
  async remark(text: string): Promise<void> {
    if (!this.json) await writeAll(this.#io.stderr, `${text}\n`);
  }

  get stdout(): Writable {
    return this.#io.stdout;
  }
}
