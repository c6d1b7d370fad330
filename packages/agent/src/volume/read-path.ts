import type { NbdExtent, NbdPending } from '@retrace/nbd';
import { ioError } from './io-error.js';
import type { Volume } from './volume.js';

const EXTENTS_MAX = 1024;

/**
 * Reads pass through. What the page cache holds is answered within the call; a cold or large read
 * goes through the thread pool, so that it stops nobody else.
 */
export class ReadPath {
  readonly #volume: Volume;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  read(offset: number, target: Buffer): NbdPending {
    const volume = this.#volume;
    volume.guestRequests += 1;
    const cached = volume.disk.readCached(offset, target.length);
    if (cached === undefined) return this.#readSlowly(offset, target);
    cached.copy(target, 0, 0, target.length);
    return undefined;
  }

  /** Data and holes from `offset` on; may end before the range does. */
  extents(offset: number, length: number, countMax: number): NbdExtent[] {
    const { disk } = this.#volume;
    const end = offset + length;
    const most = Math.min(countMax, EXTENTS_MAX);
    const found: NbdExtent[] = [];
    for (let at = offset; at < end && found.length < most; ) {
      const data = Math.min(disk.nextData(at) ?? end, end);
      const isHole = data > at;
      const stop = isHole ? data : Math.min(disk.nextHole(at), end);
      found.push({ length: stop - at, hole: isHole, zero: isHole });
      at = stop;
    }
    return found;
  }

  async #readSlowly(offset: number, target: Buffer): Promise<void> {
    try {
      await this.#volume.disk.read(offset, target);
    } catch (error) {
      throw ioError(`read of ${this.#volume.fullName} at ${offset} failed`, error);
    }
  }
}
