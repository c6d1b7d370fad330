import { assert } from '@retrace/core';

interface Entry {
  readonly from: number;
  readonly to: number;
  /** Earlier entries that overlap and have not gone yet; 0: the lock is held. */
  blockers: number;
  granted: (() => void) | undefined;
}

/** A range that is held; `release` exactly once. */
export interface HeldRange {
  release(): void;
}

const overlaps = (a: Entry, from: number, to: number): boolean => a.from < to && from < a.to;

/**
 * Locks byte ranges of one volume. Overlapping requests get it in the order they asked, others do
 * not notice one another. What begins and ends within one turn of the event loop needs no entry: it
 * asks {@link isFree} and goes ahead.
 */
export class RangeLock {
  /** Held and waiting, in the order they asked. */
  readonly #entries: Entry[] = [];

  /** True when nobody holds or waits for any of [from, to). */
  isFree(from: number, to: number): boolean {
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) {
      if (overlaps(entries[i]!, from, to)) return false;
    }
    return true;
  }

  /** Requests that hold or wait. */
  get size(): number {
    return this.#entries.length;
  }

  /**
   * Takes [from, to), after everybody who asked before for a part of it.
   * @param signal - gives up waiting when aborted; a lock that is held stays held
   * @throws the signal's reason
   */
  acquire(from: number, to: number, signal?: AbortSignal): Promise<HeldRange> {
    if (signal?.aborted === true) return Promise.reject(reasonOf(signal));
    const entry: Entry = { from, to, blockers: 0, granted: undefined };
    for (const other of this.#entries) if (overlaps(other, from, to)) entry.blockers += 1;
    this.#entries.push(entry);
    const held = this.#held(entry);
    if (entry.blockers === 0) return Promise.resolve(held);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#remove(entry);
        if (signal !== undefined) reject(reasonOf(signal));
      };
      entry.granted = () => {
        signal?.removeEventListener('abort', abort);
        resolve(held);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #held(entry: Entry): HeldRange {
    return { release: () => this.#remove(entry) };
  }

  #remove(entry: Entry): void {
    const entries = this.#entries;
    const at = entries.indexOf(entry);
    assert(at >= 0, 'a range lock is released once');
    entries.splice(at, 1);
    for (let i = at; i < entries.length; i++) {
      const later = entries[i]!;
      if (!overlaps(later, entry.from, entry.to)) continue;
      later.blockers -= 1;
      if (later.blockers === 0) later.granted?.();
    }
  }
}

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('aborted');
