import { Presets, SingleBar } from 'cli-progress';
import type { Io } from '../io.js';
import { formatBytes } from './units.js';

/** Shows how far a long command is. */
export interface Progress {
  update(done: number, total?: number): void;
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

/**
 * A bar on stderr where that is a terminal; nothing else, and nothing with --json.
 * @param total - in bytes
 */
export const startProgress = (io: Io, what: string, total: number, json: boolean): Progress => {
  if (json || !io.isStderrTerminal) return SILENT;
  const bar = new SingleBar(
    {
      stream: io.stderr,
      format: `${what} {bar} {percentage}% {doneText} of {totalText}, {eta_formatted} left`,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  let size = total;
  const texts = (done: number) => ({
    doneText: formatBytes(done),
    totalText: formatBytes(size),
  });
  bar.start(Math.max(total, 1), 0, texts(0));
  return {
    update: (done, newTotal = size) => {
      if (newTotal !== size) {
        size = newTotal;
        bar.setTotal(Math.max(size, 1));
      }
      bar.update(done, texts(done));
    },
    stop: () => bar.stop(),
  };
};
