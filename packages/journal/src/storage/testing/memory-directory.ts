import type { Chance } from './faults.js';
import { MemoryTables } from './memory-database.js';
import { MemoryFile } from './memory-file.js';

export type MemoryNode = MemoryFile | MemoryTables | MemoryDirectory;

type Change = (names: Map<string, MemoryNode>) => void;

/** A directory's names: as programs see them, and as a power cut would leave them. */
export class MemoryDirectory {
  readonly live = new Map<string, MemoryNode>();
  readonly #durable = new Map<string, MemoryNode>();
  #pending: Change[] = [];

  change(change: Change): void {
    change(this.live);
    this.#pending.push(change);
  }

  sync(): void {
    for (const change of this.#pending) change(this.#durable);
    this.#pending = [];
  }

  copy(): MemoryDirectory {
    const directory = new MemoryDirectory();
    for (const [name, node] of this.live) {
      const copied = node.copy();
      directory.change((into) => into.set(name, copied));
    }
    directory.sync();
    return directory;
  }

  /** Of the unsynced changes the first few are there. */
  afterCrash(chance: Chance): MemoryDirectory {
    const directory = new MemoryDirectory();
    const names = new Map(this.#durable);
    for (const change of this.#pending.slice(0, chance.below(this.#pending.length + 1))) {
      change(names);
    }
    for (const [name, node] of names) {
      const left = node.afterCrash(chance);
      if (left !== undefined) directory.change((into) => into.set(name, left));
      else directory.change((into) => into.set(name, new MemoryDirectory()));
    }
    directory.sync();
    return directory;
  }
}

export const isDirectory = (node: MemoryNode | undefined): node is MemoryDirectory =>
  node instanceof MemoryDirectory;

export const isFile = (node: MemoryNode | undefined): node is MemoryFile =>
  node instanceof MemoryFile;

export const isTables = (node: MemoryNode | undefined): node is MemoryTables =>
  node instanceof MemoryTables;
