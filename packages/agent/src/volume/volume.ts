import {
  type Durability as DurabilityMode,
  type GapReason,
  LIMITS,
  type VolumeDefinition,
  type VolumeReport,
  type VolumeState,
} from '@retrace/core';
import type { Disk } from '../backing/disk.js';
import { Durability } from '../durability/durability.js';
import type { AgentLimits } from '../limits.js';
import { isConsistent, nextVolumeState, type VolumeEvent } from '../states/volume-states.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Scheduler } from '../system/scheduler.js';
import { RangeLock } from './range-lock.js';

/** What a volume tells the agent, synchronously. */
export interface VolumeListener {
  /** State, reason or durability in force have changed. */
  changed(volume: Volume): void;
  /** A full copy is due. */
  copyDue(): void;
  /** An answer waits for the journal. */
  urgent(): void;
}

export interface VolumeOptions {
  readonly definition: VolumeDefinition;
  /** Its index in the session's hello. */
  readonly index: number;
  readonly disk: Disk;
  readonly durability: DurabilityMode;
  readonly state: VolumeState;
  readonly reason: string;
  /** Why it has no consistent instants from the start on, where that must be recorded. */
  readonly gap: GapReason | undefined;
  readonly stream: RecordStream;
  readonly scheduler: Scheduler;
  readonly limits: AgentLimits;
  readonly listener: VolumeListener;
}

/** One protected disk: what is known of it, and who may touch it. */
export class Volume {
  readonly definition: VolumeDefinition;
  readonly index: number;
  readonly disk: Disk;
  readonly locks = new RangeLock();
  readonly durability: Durability;
  readonly blockBytes = LIMITS.blockBytesDefault;
  /** Bytes of the running copy; both 0 when none runs. */
  copiedBytes = 0;
  copyTotalBytes = 0;
  /** Requests of guests so far: a copy yields while it grows. */
  guestRequests = 0;
  /** No copy begins before this moment of the scheduler's. */
  copyNotBeforeMs = 0;
  /** How often the record stream was lost to it: a copy begun before a loss counts for nothing. */
  losses = 0;
  readonly #stream: RecordStream;
  readonly #listener: VolumeListener;
  #state: VolumeState;
  #reason: string;
  #gap: GapReason | undefined;

  constructor(options: VolumeOptions) {
    this.definition = options.definition;
    this.index = options.index;
    this.disk = options.disk;
    this.#stream = options.stream;
    this.#listener = options.listener;
    this.#state = options.state;
    this.#reason = options.reason;
    this.#gap = options.gap;
    const { disk, listener } = options;
    this.durability = new Durability({
      mode: options.durability,
      sync: () => this.#syncDisk(disk),
      stream: options.stream,
      scheduler: options.scheduler,
      limits: options.limits,
      listener: {
        waiting: () => listener.urgent(),
        changed: (inForce, reason) => {
          this.#stream.mark(this.index, { mark: 'durability-change', inForce, reason });
          this.#reason = reason;
          listener.changed(this);
        },
      },
    });
    this.durability.setProtected(isConsistent(options.state));
  }

  /** `MACHINE/NAME`. */
  get fullName(): string {
    return `${this.definition.machine}/${this.definition.name}`;
  }

  get sizeBytes(): number {
    return this.definition.sizeBytes;
  }

  get state(): VolumeState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  /** Why the journal has no consistent instants of it, until the next full copy is complete. */
  get gap(): GapReason | undefined {
    return this.#gap;
  }

  get needsCopy(): boolean {
    return !isConsistent(this.#state);
  }

  /** Something happened to it; `reason` in words for `status`. */
  happened(event: VolumeEvent, reason: string): void {
    const state = nextVolumeState(this.#state, event);
    const isProtected = isConsistent(state);
    if (event === 'stream-lost') this.losses += 1;
    if (isProtected) this.#gap = undefined;
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.durability.setProtected(isProtected);
    this.#listener.changed(this);
  }

  /**
   * The record stream as a whole has broken: the next epoch opens a gap for this volume.
   * @param gap - why; an earlier reason that was not mended yet stays
   */
  streamLost(gap: GapReason, reason: string): void {
    this.#gap ??= gap;
    this.happened('stream-lost', reason);
  }

  /** This volume alone differs from the journal now: opens a gap at once, and asks for a copy. */
  openGap(gap: GapReason, reason: string): void {
    if (this.#gap !== undefined && this.#state === 'resync-needed') return;
    this.#gap = gap;
    this.#stream.mark(this.index, { mark: 'gap-open', reason: gap });
    this.happened('stream-lost', reason);
    this.#listener.copyDue();
  }

  /** True when giving up the record stream would cost anything: instants, or a copy's work. */
  get hasHistory(): boolean {
    return isConsistent(this.#state) || this.copyTotalBytes > 0;
  }

  report(): VolumeReport {
    return {
      name: this.definition.name,
      state: this.#state,
      reason: this.#reason,
      durability: this.durability.mode,
      durabilityInForce: this.durability.inForce,
      copiedBytes: this.copiedBytes,
      copyTotalBytes: this.copyTotalBytes,
    };
  }

  /** After a failed sync nobody knows what the disk holds: the kernel may have dropped writes. */
  async #syncDisk(disk: Disk): Promise<void> {
    try {
      await disk.sync();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.openGap('local-read-failed', `the local disk failed to sync: ${why}`);
      throw error;
    }
  }
}
