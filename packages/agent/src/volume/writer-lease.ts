import type { NbdConnection } from '@retrace/nbd';

/** The right to write, held by one connection. */
export interface WriterLease {
  /** Nothing of the connection is in flight any more. */
  end(): void;
}

/**
 * One writer per volume. While its connection lives, others may only read; once it is dead, the
 * next waits until what the dead one had begun is done.
 */
export class WriterLeases {
  #holder: NbdConnection | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** The lease, or undefined while another live connection has it. */
  async acquire(connection: NbdConnection): Promise<WriterLease | undefined> {
    while (this.#holder !== undefined) {
      if (!this.#holder.closed.aborted) return undefined;
      await this.#ended;
    }
    this.#holder = connection;
    let ended = (): void => {};
    this.#ended = new Promise((resolve) => {
      ended = resolve;
    });
    return {
      end: () => {
        if (this.#holder === connection) this.#holder = undefined;
        ended();
      },
    };
  }

  /** True while nobody could get a lease at once. */
  get taken(): boolean {
    return this.#holder !== undefined && !this.#holder.closed.aborted;
  }
}
