import { type ChildProcess, spawn } from 'node:child_process';
import { waitFor } from './wait-for.js';

/** What to start. */
export interface ProgramOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const OUTPUT_LENGTH_MAX = 1 << 20;
const STOP_TIMEOUT_MS = 20_000;

/** None may outlive this process, however it ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A child process: a peer, or a part of Retrace. */
export class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #stdout = '';
  #stderr = '';
  #end: string | undefined;

  constructor({ name, command, args, env = {} }: ProgramOptions) {
    this.name = name;
    this.#child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout = (this.#stdout + chunk.toString('utf8')).slice(-OUTPUT_LENGTH_MAX);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-OUTPUT_LENGTH_MAX);
    });
    this.#exited = new Promise((resolve) => {
      const end = (how: string): void => {
        running.delete(this.#child);
        this.#end ??= how;
        resolve();
      };
      this.#child.once('error', (error) => end(`not started: ${error.message}`));
      this.#child.once('close', (status, signal) => end(signal ?? `exit status ${status}`));
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(this.describe());
    return pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** How it ended, undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** State and newest output, for error messages. */
  describe(): string {
    const tail = (text: string): string => text.trimEnd().split('\n').slice(-12).join('\n');
    const state = this.#end ?? 'running';
    return `${this.name}: ${state}\n${tail(this.#stdout)}\n${tail(this.#stderr)}`;
  }

  /** Waits for a condition that holds only while the program runs. @throws Error naming `what` */
  async waitUntil<T>(
    what: string,
    condition: () => T | undefined | Promise<T | undefined>,
    timeoutMs: number,
  ): Promise<T> {
    return await waitFor(`${what} of ${this.name}`, timeoutMs, async () => {
      const answer = await condition();
      if (answer === undefined && this.#end !== undefined) throw new Error(this.describe());
      return answer;
    });
  }

  /** The first line of stdout that is JSON and matches. */
  waitEvent(
    matches: (event: Readonly<Record<string, unknown>>) => boolean,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, unknown>>> {
    const look = (): Readonly<Record<string, unknown>> | undefined =>
      this.#stdout
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find(matches);
    return this.waitUntil('the event', look, timeoutMs);
  }

  /** Waits for the end. @throws Error when it takes longer; it is killed then */
  async wait(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    const first = await Promise.race([this.#exited, late]);
    clearTimeout(timer);
    if (first !== 'late') return;
    await this.kill();
    throw new Error(`did not end within ${timeoutMs} ms: ${this.describe()}`);
  }

  /** Ends it with SIGKILL. */
  async kill(): Promise<void> {
    if (this.#end === undefined) this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to end (SIGTERM) and waits. @throws Error when it does not; it is killed then */
  async stop(): Promise<void> {
    if (this.#end === undefined) this.#child.kill('SIGTERM');
    await this.wait(STOP_TIMEOUT_MS);
  }
}

/** Runs a program to its end. @throws Error unless it ends with status 0 in time */
export async function runProgram(options: ProgramOptions, timeoutMs: number): Promise<string> {
  const program = new Program(options);
  await program.wait(timeoutMs);
  if (program.end !== 'exit status 0') throw new Error(program.describe());
  return program.stdout;
}
