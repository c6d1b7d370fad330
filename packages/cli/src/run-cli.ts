import { EXIT } from '@retrace/core';
import { CommanderError } from 'commander';
import { failureJson, failureLine, toFailure } from './failure.js';
import type { Io } from './io.js';
import { ReaderGone, writeAll } from './output/write.js';
import { buildProgram } from './program.js';

/** Help and version end a command this way, and are none of them errors. */
const isDone = (error: unknown): boolean => error instanceof CommanderError && error.exitCode === 0;

/** Also known when the rest of the command line was wrong. What follows `--` is not ours. */
const wantsJson = (args: readonly string[]): boolean => {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
};

const report = async (error: unknown, args: readonly string[], io: Io): Promise<number> => {
  const failure = toFailure(error);
  const stack = io.env.RETRACE_DEBUG === '1' && error instanceof Error ? error.stack : undefined;
  await writeAll(io.stderr, failureLine(failure));
  if (stack !== undefined) await writeAll(io.stderr, `${stack}\n`);
  if (wantsJson(args)) await writeAll(io.stdout, `${JSON.stringify(failureJson(failure))}\n`);
  return failure.exit;
};

/**
 * Runs one command line.
 * @param args - without the names of Node and of the program
 * @returns the exit status
 */
export const runCli = async (args: readonly string[], io: Io): Promise<number> => {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (isDone(error) || error instanceof ReaderGone) return EXIT.done;
    try {
      return await report(error, args, io);
    } catch (second) {
      if (second instanceof ReaderGone) return toFailure(error).exit;
      throw second;
    }
  }
};
