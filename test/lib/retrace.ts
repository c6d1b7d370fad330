import { fileURLToPath } from 'node:url';
import { type RunOptions, type RunResult, run } from './run.js';

const BUILT_PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/retrace.cjs', import.meta.url));

/** The program under test: the one built here, or another that RETRACE_PROGRAM names. */
export function retraceProgram(): string {
  return process.env.RETRACE_PROGRAM ?? BUILT_PROGRAM;
}

/** Whom to ask, and as whom. */
export interface RetraceOptions extends RunOptions {
  /** URL of the server. */
  readonly server?: string;
  readonly token?: string;
}

/** What a command left. */
export interface RetraceResult extends RunResult {
  /** stdout, where all of it is JSON; otherwise undefined. */
  readonly json: unknown;
}

/** The environment that says the same as `--server` and `--token`. */
export function retraceEnvironment(server?: string, token?: string): Record<string, string> {
  return {
    ...(server === undefined ? {} : { RETRACE_SERVER: server }),
    ...(token === undefined ? {} : { RETRACE_TOKEN: token }),
  };
}

/** Runs `retrace` to its end. Any exit status is accepted unless `accept` says otherwise. */
export async function retrace(
  args: readonly string[],
  { server, token, env, accept = 'any', ...rest }: RetraceOptions = {},
): Promise<RetraceResult> {
  const result = await run(process.execPath, [retraceProgram(), ...args], {
    ...rest,
    name: `retrace ${args.join(' ')}`,
    env: { ...retraceEnvironment(server, token), ...env },
    accept,
  });
  return { ...result, json: parseJson(result.stdout) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
