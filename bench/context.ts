import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Options } from './options.js';

/** What every measurement is given. */
export class BenchContext {
  readonly options: Options;
  /** On a real disk; removed at the end. */
  readonly workDir: string;
  readonly #folders: string[] = [];

  constructor(options: Options, workDir: string) {
    this.options = options;
    this.workDir = workDir;
  }

  /** A fresh folder of its own for one part of a measurement. */
  folder(name: string): string {
    const path = mkdtempSync(join(this.workDir, `${name}-`));
    this.#folders.push(path);
    return path;
  }

  /** The folders made since it was last asked, which are the caller's to remove. */
  takeFolders(): string[] {
    return this.#folders.splice(0);
  }

  /** Says on stderr what is going on: the table alone goes to stdout. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}
