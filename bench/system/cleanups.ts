type Cleanup = () => void | Promise<void>;

/** What has to be undone at the end, newest first. One that fails keeps no other from running. */
export class Cleanups {
  readonly #cleanups: Cleanup[] = [];

  add(cleanup: Cleanup): void {
    this.#cleanups.push(cleanup);
  }

  /** Undoes everything. Never throws: what fails is named on stderr. */
  async run(): Promise<void> {
    for (let next = this.#cleanups.pop(); next !== undefined; next = this.#cleanups.pop()) {
      try {
        await next();
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        process.stderr.write(`cleanup: ${why}\n`);
      }
    }
  }
}

/** Runs `body` with cleanups of its own, which are over when it returns or throws. */
export async function withCleanups<T>(body: (cleanups: Cleanups) => Promise<T>): Promise<T> {
  const cleanups = new Cleanups();
  try {
    return await body(cleanups);
  } finally {
    await cleanups.run();
  }
}
