/** A cached value, in a list of all of them by when they were last used. */
interface Entry<V> {
  readonly owner: Map<number, Entry<V>>;
  readonly key: number;
  readonly value: V;
  readonly bytes: number;
  newer: Entry<V>;
  older: Entry<V>;
}

/** The values of one file in a cache: they go with it. */
export class CacheShare<V> {
  readonly #cache: ByteCache<V>;
  readonly #entries = new Map<number, Entry<V>>();
  readonly #loading = new Map<number, Promise<V>>();
  #closed = false;

  constructor(cache: ByteCache<V>) {
    this.#cache = cache;
  }

  /** The value, where it is cached. */
  get(key: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#cache.touch(entry);
    return entry.value;
  }

  /** The value, loaded where it is not cached; who asks meanwhile shares the load. */
  load(key: number, load: () => Promise<V>): Promise<V> {
    const cached = this.get(key);
    if (cached !== undefined) return Promise.resolve(cached);
    const running = this.#loading.get(key);
    if (running !== undefined) return running;
    const loading = load()
      .then((value) => {
        if (!this.#closed) this.#cache.add(this.#entries, key, value);
        return value;
      })
      .finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  /** Forgets all values, and those still being loaded once they come. */
  close(): void {
    this.#closed = true;
    for (const entry of [...this.#entries.values()]) this.#cache.remove(entry);
  }
}

/** Values of many files, bounded by their bytes together; those used longest ago go first. */
export class ByteCache<V> {
  readonly #bytesMax: number;
  readonly #bytesOf: (value: V) => number;
  #newest: Entry<V> | undefined;
  #bytes = 0;

  /** @param bytesMax - inclusive; a value that is larger by itself is not kept */
  constructor(bytesMax: number, bytesOf: (value: V) => number) {
    this.#bytesMax = bytesMax;
    this.#bytesOf = bytesOf;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** For one more file. */
  share(): CacheShare<V> {
    return new CacheShare(this);
  }

  /** For shares only. */
  add(owner: Map<number, Entry<V>>, key: number, value: V): void {
    const bytes = this.#bytesOf(value);
    if (bytes > this.#bytesMax) return;
    const before = owner.get(key);
    if (before !== undefined) this.remove(before);
    const entry = { owner, key, value, bytes } as Entry<V>;
    entry.newer = entry;
    entry.older = entry;
    owner.set(key, entry);
    this.#bytes += bytes;
    this.#link(entry);
    // The newest is as old as any when it is alone: the list is a ring.
    while (this.#bytes > this.#bytesMax) this.remove(this.#newest!.newer);
  }

  /** For shares only: what was used goes last. */
  touch(entry: Entry<V>): void {
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#link(entry);
  }

  /** For shares only. */
  remove(entry: Entry<V>): void {
    entry.owner.delete(entry.key);
    this.#bytes -= entry.bytes;
    this.#unlink(entry);
  }

  /** The ring: `newer` of the newest is the oldest. */
  #link(entry: Entry<V>): void {
    const newest = this.#newest;
    if (newest !== undefined) {
      entry.older = newest;
      entry.newer = newest.newer;
      newest.newer.older = entry;
      newest.newer = entry;
    }
    this.#newest = entry;
  }

  #unlink(entry: Entry<V>): void {
    if (this.#newest === entry) this.#newest = entry.older === entry ? undefined : entry.older;
    entry.newer.older = entry.older;
    entry.older.newer = entry.newer;
    entry.newer = entry;
    entry.older = entry;
  }
}
