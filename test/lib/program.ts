import { type ChildProcess, spawn } from 'node:child_process';
import { programPath } from '../../scripts/lib/debian.mjs';
import { atEnd } from './cleanup.js';
import { EventLines, type JsonEvent } from './events.js';
import { Output } from './output.js';
import { type WaitOptions, withTimeout } from './wait-for.js';

/** What to start. */
export interface ProgramOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to its stdin, which is closed then. Without it stdin is empty. */
  readonly stdin?: string | Buffer;
  /** How errors call it. Default: the command. */
  readonly name?: string;
  /** At most so much of each output is kept, the newest. Default: 4 MiB. */
  readonly outputBytesMax?: number;
}

/** How a process ended: by a status or by a signal. */
export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

const OUTPUT_BYTES_MAX_DEFAULT = 4 << 20;
const STOP_TIMEOUT_MS = 15_000;

/** Processes that must not outlive this one, should it end without its cleanups. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A child process under test. It is killed at the end of the test, whatever happens. */
export class Program {
  readonly name: string;
  /** Resolves when it has ended and all its output was read. Never rejects. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #lines = new EventLines();
  #exit: Exit | undefined;
  #spawnError: Error | undefined;

  constructor(options: ProgramOptions) {
    const { command, args = [], env = {}, cwd, stdin, name = command } = options;
    const { outputBytesMax = OUTPUT_BYTES_MAX_DEFAULT } = options;
    this.name = name;
    this.#stdout = new Output(outputBytesMax);
    this.#stderr = new Output(outputBytesMax);
    this.#child = spawn(command, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, PATH: programPath(), ...env },
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout.append(chunk);
      this.#lines.append(chunk);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#stderr.append(chunk));
    // A program may well end without reading its input.
    this.#child.stdin?.on('error', () => {});
    this.#child.stdin?.end(stdin);
    this.exited = this.#watchExit();
  }

  #watchExit(): Promise<Exit> {
    return new Promise((resolve) => {
      const end = (exit: Exit): void => {
        running.delete(this.#child);
        this.#exit ??= exit;
        resolve(this.#exit);
      };
      this.#child.once('error', (error) => {
        this.#spawnError = error;
        if (this.#child.pid === undefined) end({ status: null, signal: null });
      });
      this.#child.once('close', (status, signal) => end({ status, signal }));
    });
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  get stdout(): string {
    return this.#stdout.text;
  }

  get stderr(): string {
    return this.#stderr.text;
  }

  /** The JSON lines of its stdout so far, in order. */
  get events(): readonly JsonEvent[] {
    return this.#lines.events;
  }

  /** State and newest output, for error messages. */
  describe(): string {
    const end = this.#spawnError?.message ?? describeExit(this.#exit);
    return [
      `${this.name} (pid ${this.pid ?? 'none'}): ${end}`,
      `--- stdout\n${this.#stdout.tail()}`,
      `--- stderr\n${this.#stderr.tail()}`,
    ].join('\n');
  }

  /**
   * Waits for the first event that matches, among those already there as well. Skip those with
   * `after`: `waitEvent(..., { after: program.events.length })`.
   *
   * @throws Error when the program ends without it or time runs out, with the newest output
   */
  async waitEvent(
    matches: (event: JsonEvent) => boolean,
    options: Partial<WaitOptions> & { readonly after?: number } = {},
  ): Promise<JsonEvent> {
    const { after = 0, what = `an event of ${this.name}`, timeoutMs } = options;
    let unsubscribe = (): void => {};
    const arrival = new Promise<JsonEvent>((resolve, reject) => {
      const look = (): boolean => {
        const event = this.events.slice(after).find(matches);
        if (event !== undefined) resolve(event);
        return event !== undefined;
      };
      unsubscribe = this.#lines.subscribe(look);
      if (look()) return;
      void this.exited.then(() => {
        if (!look()) reject(new Error(`no ${what}: the program has ended\n${this.describe()}`));
      });
    });
    try {
      const detail = (): string => this.describe();
      const limit = timeoutMs === undefined ? {} : { timeoutMs };
      return await withTimeout(arrival, { what, detail, ...limit });
    } finally {
      unsubscribe();
    }
  }

  /** Sends a signal to this process alone, and resolves when it has ended. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (this.#exit === undefined) this.#child.kill(signal);
    return this.exited;
  }

  /** Sends a signal and does not wait: SIGSTOP, SIGCONT, SIGHUP. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Asks it to end (SIGTERM) and waits.
   *
   * @throws Error when it does not end in time; it is killed then
   */
  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<Exit> {
    if (this.#exit === undefined) this.#child.kill('SIGTERM');
    try {
      const what = `${this.name} to end after SIGTERM`;
      return await withTimeout(this.exited, { what, timeoutMs, detail: () => this.describe() });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }
}

/** Starts a program that is killed, by its pid, at the end of the test at the latest. */
export function spawnProgram(options: ProgramOptions): Program {
  const program = new Program(options);
  atEnd(async () => {
    // A stopped process takes no signal but this one.
    await program.kill('SIGKILL');
  });
  return program;
}

function describeExit(exit: Exit | undefined): string {
  if (exit === undefined) return 'running';
  return exit.signal === null ? `exit status ${exit.status}` : `ended by ${exit.signal}`;
}
