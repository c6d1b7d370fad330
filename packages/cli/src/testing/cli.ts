import { Writable } from 'node:stream';
import type { Io } from '../io.js';
import { runCli } from '../run-cli.js';
import { programFinder } from '../system/programs.js';

/** Everything written to it, as text. */
class Collector extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}

/** How a command ended. */
export interface CliResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON; undefined when it is none. */
  readonly json: unknown;
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** 2026-11-22T10:41:07.250Z, the now of tests. */
export const NOW_MS = Date.UTC(2026, 10, 22, 10, 41, 7, 250);

/** Runs a command line in this process, with an environment that holds nothing by itself. */
export const cli = async (
  args: readonly string[],
  overrides: Partial<Io> = {},
): Promise<CliResult> => {
  const stdout = new Collector();
  const stderr = new Collector();
  const io: Io = {
    stdout,
    stderr,
    env: { PATH: process.env.PATH },
    nowMs: () => NOW_MS,
    columns: undefined,
    isStderrTerminal: false,
    home: '/nonexistent',
    uid: 1000,
    findProgram: programFinder(process.env.PATH),
    onStop: () => () => {},
    ...overrides,
  };
  const exit = await runCli(args, io);
  return { exit, stdout: stdout.text, stderr: stderr.text, json: parse(stdout.text) };
};
