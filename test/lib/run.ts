import { Program, type ProgramOptions } from './program.js';
import { withTimeout } from './wait-for.js';

/** What a program that ran to its end left. */
export interface RunResult {
  /** Exit status; -1 where a signal ended it. */
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run it. */
export interface RunOptions extends Partial<Omit<ProgramOptions, 'command' | 'args'>> {
  readonly timeoutMs?: number;
  /** Statuses that are in order. Default: 0 alone. `any` accepts whatever it is. */
  readonly accept?: readonly number[] | 'any';
}

const TIMEOUT_MS_DEFAULT = 30_000;

/**
 * Runs a program to its end.
 *
 * @throws Error with the newest output when it takes too long or ends with a status not accepted
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { timeoutMs = TIMEOUT_MS_DEFAULT, accept = [0], ...rest } = options;
  const name = `${command} ${args.join(' ')}`;
  const program = new Program({ name, ...rest, command, args });
  try {
    const what = `the end of ${name}`;
    await withTimeout(program.exited, { what, timeoutMs, detail: () => program.describe() });
  } finally {
    // Not awaited: a process stuck in the kernel (umount of a dead disk) dies only later.
    void program.kill();
  }
  const exit = program.exit?.status ?? -1;
  if (accept !== 'any' && !accept.includes(exit)) throw new Error(program.describe());
  return { exit, stdout: program.stdout, stderr: program.stderr };
}
