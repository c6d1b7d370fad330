/** A source of delayed calls, passed in so that tests need not wait. */
export interface Timers {
  /** Calls `work` once after `delayMs`. @returns takes the call back */
  after(delayMs: number, work: () => void): () => void;
}

/** The event loop's own; a waiting call does not keep the process alive. */
export const systemTimers: Timers = {
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
