/** Bytes of a slot: blocks of the usual size; larger ones are not kept. */
const SLOT_BYTES = 4096;
const SLAB_SLOTS = 1024;

/** The blocks of one file in the cache. */
export class BlockShare {
  readonly #cache: BlockCache;
  readonly #slots = new Map<number, number>();
  #closed = false;

  constructor(cache: BlockCache) {
    this.#cache = cache;
  }

  /** A block's payload, to be used at once: the slot may get another block later. */
  get(key: number): Buffer | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#cache.read(slot);
  }

  /** Keeps a copy. */
  put(key: number, payload: Buffer): void {
    if (this.#closed || this.#slots.has(key)) return;
    this.#cache.write(this.#slots, key, payload);
  }

  close(): void {
    this.#closed = true;
    for (const slot of this.#slots.values()) this.#cache.release(slot);
    this.#slots.clear();
  }
}

/**
 * Single blocks out of decompressed chunks. A chunk holds all versions of its blocks, so that who
 * reads one instant at random places needs a small part of each: 128 MiB of a volume that was
 * written over five times lie in 800 MiB of chunks. In slots of one size, so that nothing is left
 * to the garbage collector; which block goes is found by the clock algorithm (F. J. Corbató, "A
 * Paging Experiment with the Multics System", 1968).
 */
export class BlockCache {
  readonly #slotsMax: number;
  readonly #slabs: Buffer[] = [];
  readonly #owners: (Map<number, number> | undefined)[] = [];
  readonly #keys: number[] = [];
  readonly #lengths: number[] = [];
  readonly #used: boolean[] = [];
  #hand = 0;

  /** @param bytesMax - inclusive, of payload; memory is taken as it is needed */
  constructor(bytesMax: number) {
    this.#slotsMax = Math.floor(bytesMax / SLOT_BYTES);
  }

  /** For one more file. */
  share(): BlockShare {
    return new BlockShare(this);
  }

  /** For shares only. */
  read(slot: number): Buffer {
    this.#used[slot] = true;
    return this.#bytesOf(slot, this.#lengths[slot]!);
  }

  /** For shares only. */
  write(owner: Map<number, number>, key: number, payload: Buffer): void {
    if (payload.length > SLOT_BYTES || this.#slotsMax === 0) return;
    const slot = this.#take();
    payload.copy(this.#bytesOf(slot, payload.length));
    this.#owners[slot] = owner;
    this.#keys[slot] = key;
    this.#lengths[slot] = payload.length;
    this.#used[slot] = false;
    owner.set(key, slot);
  }

  /** For shares only. */
  release(slot: number): void {
    this.#owners[slot] = undefined;
    this.#used[slot] = false;
  }

  #take(): number {
    if (this.#owners.length < this.#slotsMax) {
      const slot = this.#owners.length;
      if (slot % SLAB_SLOTS === 0) {
        const slots = Math.min(SLAB_SLOTS, this.#slotsMax - slot);
        this.#slabs.push(Buffer.allocUnsafeSlow(slots * SLOT_BYTES));
      }
      this.#owners.push(undefined);
      return slot;
    }
    for (;;) {
      const slot = this.#hand;
      this.#hand = (slot + 1) % this.#slotsMax;
      if (this.#used[slot] === true) {
        this.#used[slot] = false;
        continue;
      }
      this.#owners[slot]?.delete(this.#keys[slot]!);
      return slot;
    }
  }

  #bytesOf(slot: number, length: number): Buffer {
    const at = (slot % SLAB_SLOTS) * SLOT_BYTES;
    return this.#slabs[Math.floor(slot / SLAB_SLOTS)]!.subarray(at, at + length);
  }
}
