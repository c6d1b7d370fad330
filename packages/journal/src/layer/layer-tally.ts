import { isBefore, type VersionPage } from './version-page.js';

/** Counts what a layer holds, in order, to be compared with what its directory says. */
export class LayerTally {
  count = 0;
  /** 0 without any, as in the directory. */
  fromSeq = 0;
  toSeq = 0;
  firstKey = -1;
  #lastKey = -1;
  #lastSeq = -1;

  /** @throws RangeError when it does not ascend */
  note(key: number, seq: number): void {
    if (!isBefore(this.#lastKey, this.#lastSeq, key, seq)) {
      throw new RangeError(`its order is wrong at ${key}, seq:${seq}`);
    }
    if (this.count === 0) this.firstKey = key;
    this.count++;
    this.fromSeq = this.fromSeq === 0 ? seq : Math.min(this.fromSeq, seq);
    this.toSeq = Math.max(this.toSeq, seq);
    this.#lastKey = key;
    this.#lastSeq = seq;
  }

  versions({ keys, seqs, count }: VersionPage): void {
    for (let row = 0; row < count; row++) this.note(keys[row]!, seqs[row]!);
  }

  /** The seqs of both. */
  joined(other: LayerTally): { readonly fromSeq: number; readonly toSeq: number } {
    const seqs = [this, other].filter(({ count }) => count > 0);
    if (seqs.length === 0) return { fromSeq: 0, toSeq: 0 };
    return {
      fromSeq: Math.min(...seqs.map(({ fromSeq }) => fromSeq)),
      toSeq: Math.max(...seqs.map(({ toSeq }) => toSeq)),
    };
  }
}
