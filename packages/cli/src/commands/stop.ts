import { EXIT } from '@retrace/core';
import type { Io } from '../io.js';

/**
 * npm and npx hand on a Ctrl-C that the terminal has sent to this process as well: what comes this
 * soon after the first signal is the same one.
 */
const SAME_SIGNAL_MS = 500;

/** What a long-running command does when it is asked to end. */
export interface StopOptions {
  readonly io: Io;
  /** Ends cleanly. A failure is the command's failure. */
  readonly stop: () => Promise<void>;
  /** Told of each signal; the first starts the clean stop, the second ends the process. */
  readonly onSignal: (signal: NodeJS.Signals, isSecond: boolean) => void;
  /** Resolves or rejects when the command ended by itself. */
  readonly ended?: Promise<void>;
}

/** Waits for a signal, stops cleanly, and resolves when that is done. */
export const runUntilStopped = async ({
  io,
  stop,
  onSignal,
  ended,
}: StopOptions): Promise<void> => {
  let stoppingSince: number | undefined;
  let unsubscribe = (): void => {};
  const signalled = new Promise<void>((resolve) => {
    unsubscribe = io.onStop((signal) => {
      const now = performance.now();
      if (stoppingSince !== undefined && now - stoppingSince < SAME_SIGNAL_MS) return;
      const isSecond = stoppingSince !== undefined;
      onSignal(signal, isSecond);
      if (isSecond) process.exit(EXIT.failed);
      stoppingSince = now;
      resolve();
    });
  });
  try {
    await Promise.race(ended === undefined ? [signalled] : [signalled, ended]);
    await stop();
  } finally {
    unsubscribe();
  }
};
