import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type JsonMap, mapOf } from '../client/fields.js';

const RETRACE = fileURLToPath(new URL('../../bin/retrace.cjs', import.meta.url));
const LOG_TAIL_BYTES = 64 * 1024;

/** A program of the demo failed; its message is for the person who started the demo. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

/** `retrace server` or `retrace agent` as a process of its own, its log in a file. */
export class DemoProgram {
  readonly name: string;
  /** Resolves when it has ended, with its exit status (-1 for a signal). Never rejects. */
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  readonly #logPath: string;
  readonly #logStart: number;
  readonly #events: JsonMap[] = [];
  readonly #waiting = new Set<() => void>();

  /** @param logPath - its stderr is appended there */
  constructor(name: string, args: readonly string[], logPath: string) {
    this.name = name;
    this.#logPath = logPath;
    const log = openSync(logPath, 'a', 0o600);
    this.#logStart = readFileSync(logPath).length;
    this.#child = spawn(process.execPath, [RETRACE, ...args], {
      stdio: ['pipe', 'pipe', log],
      // A group of its own: Ctrl-C goes to the demo, which stops the agent before the server.
      detached: true,
      env: { ...process.env, RETRACE_STOP_WITH_STDIN: '1' },
    });
    closeSync(log);
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#take(line));
    this.exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve(-1));
      this.#child.once('close', (status) => resolve(status ?? -1));
    });
  }

  /**
   * The first event that matches, those already seen included.
   * @throws DemoError when the program ends first (with its own last words), or time runs out
   */
  async event(what: string, matches: (event: JsonMap) => boolean, timeoutMs: number) {
    let wake = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    const found = new Promise<JsonMap>((resolve, reject) => {
      wake = () => {
        const event = this.#events.find(matches);
        if (event !== undefined) resolve(event);
      };
      timer = setTimeout(() => {
        const seconds = timeoutMs / 1000;
        reject(new DemoError(`no ${what} within ${seconds} s: see ${this.#logPath}`));
      }, timeoutMs);
      void this.exited.then(() => reject(new DemoError(this.lastWords())));
    });
    this.#waiting.add(wake);
    wake();
    try {
      return await found;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(wake);
    }
  }

  /** Asks it to stop, and waits for that. Once more ends it at once. */
  async stop(): Promise<number> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }

  /** What it said about its end. */
  lastWords(): string {
    const text = readFileSync(this.#logPath).subarray(this.#logStart).toString('utf8');
    const lines = text.slice(-LOG_TAIL_BYTES).split('\n');
    const error = lines.findLast((line) => line.startsWith('retrace: '));
    return error?.slice('retrace: '.length) ?? `${this.name} has ended: see ${this.#logPath}`;
  }

  #take(line: string): void {
    if (!line.startsWith('{')) return;
    try {
      const event = mapOf(JSON.parse(line));
      if (event !== undefined) this.#events.push(event);
    } catch {
      return;
    }
    for (const wake of this.#waiting) wake();
  }
}
