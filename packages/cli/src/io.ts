import type { Writable } from 'node:stream';
import type { ProgramFinder } from './system/programs.js';

/** What a command may use of the world. Tests bring their own. */
export interface Io {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Wall clock in milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Width of the terminal in columns; undefined when stdout is none. */
  readonly columns: number | undefined;
  /** True when stderr is a terminal: progress bars are drawn there and only there. */
  readonly isStderrTerminal: boolean;
  /** The user's home folder, for the token file. */
  readonly home: string;
  /** The numeric user, 0 for root. */
  readonly uid: number;
  /** Finds other programs. */
  readonly findProgram: ProgramFinder;
  /**
   * Calls back at SIGTERM, SIGINT and SIGHUP, which then do not end the process.
   * @returns what ends that
   */
  readonly onStop: (listener: (signal: NodeJS.Signals) => void) => () => void;
}
