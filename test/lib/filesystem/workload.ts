import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@retrace/core';
import type { SeededRandom } from '../seeded-random.js';
import type { Folder, Step } from './folder-model.js';

const FILE_BYTES_MAX = 40_000;
const FILES_MIN = 4;

/** Something done to a folder: what it makes of the files, and how. */
interface Action {
  readonly what: string;
  readonly after: Folder;
  run(): void;
}

/** Writes, overwrites, renames and deletes files in a folder, each step followed by fsync. */
export class Workload {
  readonly steps: Step[] = [];
  readonly #folder: string;
  readonly #random: SeededRandom;
  #files: Folder = new Map();
  #nextName = 1;

  constructor(folder: string, random: SeededRandom) {
    this.#folder = folder;
    this.#random = random;
  }

  /** One step, chosen at random. */
  step(): Step {
    const before = this.#files;
    const action = this.#choose();
    const begunUs = systemClock.nowUs();
    action.run();
    const doneUs = systemClock.nowUs();
    const { what, after } = action;
    const step = { what: `${this.steps.length} ${what}`, begunUs, doneUs, before, after };
    this.#files = after;
    this.steps.push(step);
    return step;
  }

  #choose(): Action {
    const names = [...this.#files.keys()];
    if (names.length < FILES_MIN) return this.#create();
    const name = this.#random.pick(names);
    const kinds = ['create', 'overwrite', 'append', 'rename', 'replace', 'delete'] as const;
    switch (this.#random.pick(kinds)) {
      case 'create':
        return this.#create();
      case 'overwrite':
        return this.#overwrite(name);
      case 'append':
        return this.#append(name);
      case 'rename':
        return this.#rename(name, this.#newName());
      case 'replace':
        return this.#rename(name, this.#random.pick(names.filter((other) => other !== name)));
      case 'delete':
        return this.#delete(name);
    }
  }

  #newName(): string {
    return `file-${this.#nextName++}`;
  }

  #bytes(): Buffer {
    // No zero byte: what was never written must not pass for it.
    const bytes = this.#random.bytes(this.#random.integer(1, FILE_BYTES_MAX));
    for (let at = 0; at < bytes.length; at++) bytes[at] ||= 1;
    return bytes;
  }

  #create(): Action {
    const name = this.#newName();
    const bytes = this.#bytes();
    return {
      what: `create ${name}`,
      after: new Map([...this.#files, [name, bytes]]),
      run: () => {
        this.#write(name, 'wx', bytes, 0);
        this.#syncFolder();
      },
    };
  }

  #overwrite(name: string): Action {
    const old = this.#files.get(name)!;
    const at = this.#random.integer(0, old.length - 1);
    const part = this.#bytes().subarray(0, old.length - at);
    const bytes = Buffer.from(old);
    part.copy(bytes, at);
    return {
      what: `overwrite ${name} at ${at}`,
      after: new Map([...this.#files, [name, bytes]]),
      run: () => this.#write(name, 'r+', part, at),
    };
  }

  #append(name: string): Action {
    const old = this.#files.get(name)!;
    const part = this.#bytes();
    return {
      what: `append to ${name}`,
      after: new Map([...this.#files, [name, Buffer.concat([old, part])]]),
      run: () => this.#write(name, 'r+', part, old.length),
    };
  }

  #rename(from: string, to: string): Action {
    const after = new Map(this.#files);
    after.delete(from);
    after.set(to, this.#files.get(from)!);
    return {
      what: `rename ${from} to ${to}`,
      after,
      run: () => {
        renameSync(join(this.#folder, from), join(this.#folder, to));
        this.#syncFolder();
      },
    };
  }

  #delete(name: string): Action {
    const after = new Map(this.#files);
    after.delete(name);
    return {
      what: `delete ${name}`,
      after,
      run: () => {
        unlinkSync(join(this.#folder, name));
        this.#syncFolder();
      },
    };
  }

  #write(name: string, flags: string, bytes: Buffer, at: number): void {
    const file = openSync(join(this.#folder, name), flags);
    try {
      writeSync(file, bytes, 0, bytes.length, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  #syncFolder(): void {
    const folder = openSync(this.#folder, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

/** The files of a folder as they are. */
export function readFolder(folder: string): Folder {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ name }) => [name, readFileSync(join(folder, name))]));
}
