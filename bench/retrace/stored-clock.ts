import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@retrace/core';
import type { ProtectedDisk } from './protected-disk.js';
import type { GroupState } from './status.js';

const LOOK_INTERVAL_MS = 10;
const TIMEOUT_MS = 120_000;

interface Sample {
  readonly atUs: number;
  readonly state: GroupState;
}

/**
 * Says how long after the guest's last request its record was stored. The server is looked at from
 * shortly before the expected end on: seldom enough to cost it nothing, often enough to be late by
 * no more than 10 ms, which counts against Retrace.
 */
export class StoredClock {
  readonly #disk: ProtectedDisk;
  readonly #samples: Sample[] = [];
  readonly #before: GroupState;
  #stopped = false;
  readonly #looking: Promise<void>;

  private constructor(disk: ProtectedDisk, before: GroupState, delayMs: number) {
    this.#disk = disk;
    this.#before = before;
    this.#looking = this.#look(delayMs);
    // Reported by `finish`.
    this.#looking.catch(() => undefined);
  }

  /** To be called before the guest's first request, when nothing is under way. */
  static async start(disk: ProtectedDisk, expectedMs: number): Promise<StoredClock> {
    return new StoredClock(disk, await disk.settle(), expectedMs);
  }

  /** Looks no more: for a run that failed. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Waits until `records` more are stored than at the start.
   * @returns milliseconds from the time in the last record (the guest's last request) to its being
   *   seen as stored
   * @throws Error when they are not stored in time, or the volume is not protected all the way
   */
  async finish(records: number): Promise<number> {
    const last = this.#before.seq + records;
    const timer = setTimeout(() => this.stop(), TIMEOUT_MS);
    let found: Sample | undefined;
    while (found === undefined && !this.#stopped) {
      found = this.#samples.find(({ state }) => state.seq >= last);
      await sleep(1);
    }
    clearTimeout(timer);
    this.#stopped = true;
    await this.#looking;
    const { seq, gaps, volumeState, timeUs } = found?.state ?? (await this.#disk.state());
    if (gaps !== this.#before.gaps || volumeState !== 'protected') {
      throw new Error(`the volume is not protected any more: ${volumeState}, ${gaps} gaps`);
    }
    if (found === undefined || seq !== last) {
      throw new Error(`${seq - this.#before.seq} records stored where ${records} were expected`);
    }
    return Math.max(0, found.atUs - timeUs) / 1000;
  }

  async #look(delayMs: number): Promise<void> {
    await sleep(delayMs);
    while (!this.#stopped) {
      const state = await this.#disk.state();
      this.#samples.push({ atUs: systemClock.nowUs(), state });
      await sleep(LOOK_INTERVAL_MS);
    }
  }
}
