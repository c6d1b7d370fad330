/** Undoes what was scheduled; harmless afterwards. */
export type Cancel = () => void;

/** Elapsed time and timers. Passed in, so that tests bring their own. */
export interface Scheduler {
  /** Milliseconds since some moment; never decreases. */
  nowMs(): number;
  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): Cancel;
  /** Calls `run` once what the event loop has at hand is done. */
  soon(run: () => void): void;
}

/** The event loop's own. */
export const systemScheduler: Scheduler = {
  nowMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (run) => {
    setImmediate(run);
  },
};

/** A pause that other work may use. */
export const pause = (scheduler: Scheduler, delayMs = 0): Promise<void> =>
  new Promise((resolve) => {
    if (delayMs <= 0) scheduler.soon(resolve);
    else scheduler.after(delayMs, resolve);
  });
