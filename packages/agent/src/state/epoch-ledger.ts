import { assert, comparePositions, LIMITS, type StreamPosition } from '@retrace/core';
import type { AgentLimits } from '../limits.js';
import type { Logger } from '../system/logger.js';
import type { Cancel, Scheduler } from '../system/scheduler.js';
import type { Progress } from './agent-state.js';
import type { StateDir } from './state-dir.js';

/** Epochs above this are refused: nobody gets there by counting. */
const EPOCH_MAX = 2 ** 48;

/** The agent's progress in memory and on disk: epoches at once, the rest within seconds. */
export class EpochLedger {
  readonly #state: StateDir;
  readonly #limits: AgentLimits;
  readonly #scheduler: Scheduler;
  readonly #logger: Logger;
  #progress: Progress;
  /** An epoch that is on disk, and has no records yet. */
  #reserved: number | undefined;
  #dirty = false;
  #timer: Cancel | undefined;

  constructor(
    state: StateDir,
    progress: Progress,
    limits: AgentLimits,
    scheduler: Scheduler,
    logger: Logger,
  ) {
    this.#state = state;
    this.#progress = progress;
    this.#limits = limits;
    this.#scheduler = scheduler;
    this.#logger = logger;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** The epoch of the next {@link useReserved}. */
  get reserved(): number {
    assert(this.#reserved !== undefined, 'an epoch was reserved');
    return this.#reserved;
  }

  /** Makes the next epoch durable; the same again until it is used. @throws system errors */
  async reserve(): Promise<number> {
    if (this.#reserved !== undefined) return this.#reserved;
    const epoch = this.#progress.epoch + 1;
    this.#progress = { ...this.#progress, epoch };
    await this.#state.saveProgress(this.#progress);
    this.#reserved = epoch;
    return epoch;
  }

  /** The reserved epoch gets its first record now. */
  useReserved(): number {
    const epoch = this.reserved;
    this.#reserved = undefined;
    return epoch;
  }

  /** The reserved epoch cannot be had: the next is a higher one. */
  dropReserved(): void {
    this.#reserved = undefined;
  }

  /** The next epoch is above `epoch`, too. False for a number that makes no sense. */
  raise(epoch: number): boolean {
    if (epoch > EPOCH_MAX) return false;
    this.#reserved = undefined;
    this.#set({ epoch: Math.max(epoch, this.#progress.epoch) });
    return true;
  }

  /** The journal has stored up to here. */
  acknowledged(position: StreamPosition, timeUs: number): void {
    this.#set({
      acknowledged: { epoch: position.epoch, n: position.n },
      lastTimeUs: Math.max(timeUs, this.#progress.lastTimeUs),
    });
  }

  /** The journal has less than it once acknowledged: that is what counts from now on. */
  replaceAcknowledged(position: StreamPosition): void {
    this.#set({ acknowledged: position });
  }

  /** A session has begun. */
  metServer(serverUuid: string, stored: StreamPosition, lastTimeUs: number): void {
    const { acknowledged } = this.#progress;
    this.#set({
      serverUuid,
      acknowledged: comparePositions(stored, acknowledged) > 0 ? stored : acknowledged,
      lastTimeUs: Math.max(Math.min(lastTimeUs, LIMITS.integerMax), this.#progress.lastTimeUs),
    });
  }

  /** Writes down what is known. */
  async save(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    if (!this.#dirty) return;
    this.#dirty = false;
    await this.#state.saveProgress(this.#progress);
  }

  stop(): void {
    this.#timer?.();
  }

  #set(changes: Partial<Progress>): void {
    this.#progress = { ...this.#progress, ...changes };
    this.#dirty = true;
    this.#timer ??= this.#scheduler.after(this.#limits.stateSaveMs, () => {
      this.save().catch((error: unknown) => {
        this.#logger.warn({ error }, 'the state folder cannot be written');
      });
    });
  }
}
