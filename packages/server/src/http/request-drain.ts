import type { FastifyInstance } from 'fastify';

/** Counts requests under way, so that a server can let them finish before it closes. */
export class RequestDrain {
  readonly #running = new Set<object>();
  readonly #waiters: (() => void)[] = [];

  constructor(app: FastifyInstance) {
    app.addHook('onRequest', async (_request, reply) => {
      const { raw } = reply;
      this.#running.add(raw);
      raw.once('close', () => this.#done(raw));
      raw.once('finish', () => this.#done(raw));
    });
  }

  /** Resolves when no request is under way, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  #done(response: object): void {
    this.#running.delete(response);
    if (this.#running.size > 0) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
