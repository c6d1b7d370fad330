/**
 * Runs tasks one after another, one for each turn of the event loop. What strangers ask for, a new
 * connection or a step of a handshake, goes through it: however many come at once, those who are
 * at work already are served between any two of them. One queue may serve all servers of a process.
 */
export class TurnQueue {
  #tasks: (() => void)[] = [];
  #next = 0;
  readonly #turn = (): void => {
    const task = this.#tasks[this.#next]!;
    this.#next += 1;
    if (this.#next < this.#tasks.length) {
      setImmediate(this.#turn);
    } else {
      this.#tasks = [];
      this.#next = 0;
    }
    task();
  };

  /** Tasks that wait. */
  get length(): number {
    return this.#tasks.length - this.#next;
  }

  /** Runs `task` when its turn has come, never at once. It must not throw. */
  run(task: () => void): void {
    this.#tasks.push(task);
    if (this.#tasks.length === 1) setImmediate(this.#turn);
  }

  /** Resolves when its turn has come. */
  take(): Promise<void> {
    return new Promise((resolve) => this.run(resolve));
  }
}
