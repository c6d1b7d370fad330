interface Generation {
  users: number;
  /** Told when the last user has gone. */
  onDrained: (() => void) | undefined;
}

/**
 * Counts who uses the files there are now, so that what has been replaced is removed only when
 * everybody has gone who may have seen it.
 */
export class Leases {
  #current: Generation = { users: 0, onDrained: undefined };
  #drained: Promise<void> = Promise.resolve();

  /** @returns what gives the lease back; calling it twice does no harm */
  take(): () => void {
    const generation = this.#current;
    generation.users += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      generation.users -= 1;
      if (generation.users === 0) generation.onDrained?.();
    };
  }

  /** Resolves when all leases taken so far have been given back. */
  drained(): Promise<void> {
    const old = this.#current;
    this.#current = { users: 0, onDrained: undefined };
    const own =
      old.users === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            old.onDrained = resolve;
          });
    const before = this.#drained;
    this.#drained = before.then(() => own);
    return this.#drained;
  }
}
