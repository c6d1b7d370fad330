import { RetraceError } from '@retrace/core';
import {
  lastWords,
  type ProgramEnd,
  type ProgramFinder,
  requireProgram,
  runProgram,
} from '../system/programs.js';

/** Runs the programs a mount needs, found once. */
export class Tools {
  readonly #find: ProgramFinder;

  constructor(find: ProgramFinder) {
    this.#find = find;
  }

  /** Full path. @throws RetraceError TOOL_MISSING */
  find(name: string, why: string): string {
    return requireProgram(this.#find, name, why);
  }

  /**
   * Runs one to its end.
   * @param why - what it does, for the error ("makes loop devices")
   * @returns its stdout
   * @throws RetraceError TOOL_MISSING, MOUNT_FAILED with its last words
   */
  async run(name: string, args: readonly string[], why: string): Promise<string> {
    const end = await runProgram(this.find(name, why), args);
    if (end.exit === 0) return end.stdout;
    throw new RetraceError('MOUNT_FAILED', `${name} failed: ${lastWords(end)}`);
  }

  /** True when it is installed. */
  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Runs one whose failure says something too. */
  async ask(name: string, args: readonly string[], why: string): Promise<ProgramEnd> {
    return runProgram(this.find(name, why), args);
  }
}
