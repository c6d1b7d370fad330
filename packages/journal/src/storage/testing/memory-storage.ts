import type { Database, DatabaseOptions } from '../database.js';
import type { OpenMode, Storage, StorageLock, StoredFile } from '../storage.js';
import { type Access, type Chance, type Fault, type FaultPlan, systemError } from './faults.js';
import { MemoryDatabase, MemoryTables } from './memory-database.js';
import {
  isDirectory,
  isFile,
  isTables,
  MemoryDirectory,
  type MemoryNode,
} from './memory-directory.js';
import { MemoryFile } from './memory-file.js';

const split = (path: string): readonly string[] => path.split('/').filter((name) => name !== '');

/**
 * A storage that forgets: what was not synced may be gone, whole or in part, after `afterCrash`,
 * bytes and names alike. Faults come by plan, at any access.
 */
export class MemoryStorage implements Storage {
  readonly name = 'memory';
  plan: FaultPlan = () => undefined;
  /** Accesses so far. */
  steps = 0;
  crashed = false;
  readonly #chance: Chance;
  readonly #root: MemoryDirectory;
  readonly #openDatabases = new Set<string>();
  /** Keys that any database was given more than once, over all crashes. */
  readonly keysWrittenTwice: string[];

  constructor(chance: Chance, root = new MemoryDirectory(), keysWrittenTwice: string[] = []) {
    this.#chance = chance;
    this.#root = root;
    this.keysWrittenTwice = keysWrittenTwice;
  }

  /** What the next start finds after the process was killed: the page cache is still there. */
  afterKill(): MemoryStorage {
    return new MemoryStorage(this.#chance, this.#root, this.keysWrittenTwice);
  }

  /** What the next start finds after a power cut. */
  afterCrash(): MemoryStorage {
    const root = this.#root.afterCrash(this.#chance);
    return new MemoryStorage(this.#chance, root, this.keysWrittenTwice);
  }

  /** An independent copy of what programs see now. */
  copy(): MemoryStorage {
    return new MemoryStorage(this.#chance, this.#root.copy());
  }

  /** Cuts a file off. */
  truncate(path: string, bytes: number): void {
    const node = this.#find(path);
    if (!isFile(node)) throw systemError('ENOENT');
    node.live = Buffer.from(node.live.subarray(0, bytes));
  }

  /** A database's contents, to look at or to damage. */
  tables(path: string): MemoryTables {
    const node = this.#find(path);
    if (!isTables(node)) throw systemError('ENOENT');
    return node;
  }

  /** The bytes of a file, to look at or to damage. */
  content(path: string): Buffer {
    const node = this.#find(path);
    if (!isFile(node)) throw systemError('ENOENT');
    return node.live;
  }

  async #access(kind: Access['kind'], path: string): Promise<Fault | undefined> {
    await Promise.resolve();
    if (this.crashed) throw systemError('EIO');
    this.steps++;
    const fault = this.plan({ step: this.steps, kind, path });
    if (fault?.fault === 'crash') this.crashed = true;
    return fault;
  }

  /** As `#access`, for accesses that do nothing when they fail. */
  async #accessOrFail(kind: Access['kind'], path: string): Promise<void> {
    const fault = await this.#access(kind, path);
    if (fault === undefined || fault.fault === 'short' || fault.fault === 'lie') return;
    throw systemError(fault.fault === 'error' ? fault.code : 'EIO');
  }

  #find(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.#root;
    for (const name of split(path)) {
      if (!isDirectory(node)) return undefined;
      node = node.live.get(name);
    }
    return node;
  }

  #parent(path: string): readonly [MemoryDirectory, string] {
    const names = split(path);
    const parent = this.#find(names.slice(0, -1).join('/'));
    if (!isDirectory(parent)) throw systemError('ENOENT');
    return [parent, names[names.length - 1]!];
  }

  async open(path: string, mode: OpenMode): Promise<StoredFile> {
    await this.#accessOrFail('open', path);
    const [parent, name] = this.#parent(path);
    const found = parent.live.get(name);
    if (mode !== 'create') {
      if (!isFile(found)) throw systemError('ENOENT');
      return this.#handle(found, path);
    }
    if (found !== undefined) throw systemError('EEXIST');
    const file = new MemoryFile();
    parent.change((names) => names.set(name, file));
    return this.#handle(file, path);
  }

  #handle(file: MemoryFile, path: string): StoredFile {
    return {
      writev: (buffers, position) => this.#writev(file, path, Buffer.concat(buffers), position),
      sync: () => this.#sync(file, path),
      read: async (target, position) => {
        await this.#accessOrFail('read', path);
        return file.live.copy(target, 0, position, position + target.length);
      },
      readCached: (target, position) => {
        if (this.crashed || this.#chance.hit()) return false;
        if (position + target.length > file.live.length) return false;
        file.live.copy(target, 0, position);
        return true;
      },
      close: async () => {},
    };
  }

  async #writev(file: MemoryFile, path: string, bytes: Buffer, at: number): Promise<number> {
    const fault = await this.#access('writev', path);
    let written = bytes.length;
    if (fault?.fault === 'short') written = Math.min(written, Math.max(1, fault.bytes));
    else if (fault !== undefined) written = this.#chance.below(written + 1);
    file.write(bytes.subarray(0, written), at);
    if (fault === undefined || fault.fault === 'short') return written;
    if (fault.fault === 'lie') return bytes.length;
    throw systemError(fault.fault === 'error' ? fault.code : 'EIO');
  }

  async #sync(file: MemoryFile, path: string): Promise<void> {
    const fault = await this.#access('sync', path);
    if (fault === undefined || fault.fault === 'short') file.sync();
    else if (fault.fault === 'error') {
      file.failSync();
      throw systemError(fault.code);
    } else if (fault.fault === 'crash') {
      if (this.#chance.hit()) file.sync();
      throw systemError('EIO');
    }
  }

  async list(directory: string): Promise<readonly string[]> {
    const node = this.#find(directory);
    if (isTables(node)) return ['CURRENT'];
    return isDirectory(node) ? [...node.live.keys()].sort() : [];
  }

  async size(path: string): Promise<number | undefined> {
    const node = this.#find(path);
    return isFile(node) ? node.live.length : undefined;
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#accessOrFail('change-directory', path);
    if (split(path).length === 0) return;
    const [parent, name] = this.#parent(path);
    if (parent.live.has(name)) return;
    const made = new MemoryDirectory();
    parent.change((names) => names.set(name, made));
  }

  async syncDirectory(path: string): Promise<void> {
    const fault = await this.#access('sync-directory', path);
    if (fault?.fault === 'lie') return;
    if (fault !== undefined) throw systemError(fault.fault === 'error' ? fault.code : 'EIO');
    const node = this.#find(path);
    if (isTables(node)) node.namesDurable = true;
    else if (isDirectory(node)) node.sync();
    else throw systemError('ENOENT');
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#accessOrFail('change-directory', to);
    const [parent, fromName] = this.#parent(from);
    const [target, toName] = this.#parent(to);
    const node = parent.live.get(fromName);
    if (node === undefined) throw systemError('ENOENT');
    if (target === parent) {
      parent.change((names) => {
        names.delete(fromName);
        names.set(toName, node);
      });
      return;
    }
    target.change((names) => names.set(toName, node));
    parent.change((names) => names.delete(fromName));
  }

  async remove(path: string): Promise<void> {
    await this.#accessOrFail('change-directory', path);
    const [parent, name] = this.#parent(path);
    parent.change((names) => names.delete(name));
  }

  async lock(): Promise<StorageLock | undefined> {
    return { release: async () => {} };
  }

  async openDatabase(path: string, { create }: DatabaseOptions): Promise<Database> {
    await this.#accessOrFail('open-database', path);
    if (this.#openDatabases.has(path)) throw new Error(`${path} is open already`);
    const [parent, name] = this.#parent(path);
    let tables = parent.live.get(name);
    if (!isTables(tables)) {
      if (!create) throw new Error(`${path}: does not exist (create_if_missing is false)`);
      const made = new MemoryTables(this.keysWrittenTwice);
      parent.change((names) => names.set(name, made));
      tables = made;
    }
    tables.settle();
    this.#openDatabases.add(path);
    return new MemoryDatabase(
      tables,
      (kind) => this.#access(kind, path),
      () => this.#openDatabases.delete(path),
    );
  }
}
