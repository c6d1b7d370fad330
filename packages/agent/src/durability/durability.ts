import type { Durability as DurabilityMode } from '@retrace/core';
import { SyncCoalescer } from '../backing/sync-coalescer.js';
import type { AgentLimits } from '../limits.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Scheduler } from '../system/scheduler.js';
import { AckGate } from './ack-gate.js';

/** What a volume's durability tells. */
export interface DurabilityListener {
  /** The mode in force has changed, and why. */
  changed(inForce: DurabilityMode, reason: string): void;
  /** Somebody waits for the journal: send what is queued. */
  waiting(): void;
}

export interface DurabilityOptions {
  readonly mode: DurabilityMode;
  readonly sync: () => Promise<void>;
  readonly stream: RecordStream;
  readonly scheduler: Scheduler;
  readonly limits: AgentLimits;
  readonly listener: DurabilityListener;
}

/**
 * When a guest's request may be answered. Local durability is always waited for where the guest
 * asked for it; the journal only while the volume is protected and the mode in force says so.
 */
export class Durability {
  readonly mode: DurabilityMode;
  readonly #stream: RecordStream;
  readonly #scheduler: Scheduler;
  readonly #limits: AgentLimits;
  readonly #listener: DurabilityListener;
  readonly #local: SyncCoalescer;
  readonly #gate: AckGate;
  #protected = false;
  #degraded = false;
  /** n of a record and the moment it was the last, to tell how old the backlog is. */
  #probe: { readonly n: number; readonly atMs: number } | undefined;

  constructor(options: DurabilityOptions) {
    this.mode = options.mode;
    this.#stream = options.stream;
    this.#scheduler = options.scheduler;
    this.#limits = options.limits;
    this.#listener = options.listener;
    this.#local = new SyncCoalescer(options.sync);
    this.#gate = new AckGate(options.scheduler, options.limits.durabilityWaitMsMax, () =>
      this.#degrade(),
    );
  }

  /** What answers mean now: `async` while the volume is not protected or the journal too slow. */
  get inForce(): DurabilityMode {
    return this.#protected && !this.#degraded ? this.mode : 'async';
  }

  get degraded(): boolean {
    return this.#degraded;
  }

  /** Makes the local disk durable. */
  sync(): Promise<void> {
    return this.#local.sync();
  }

  /** What the answer to a change waits for; undefined: nothing. `n` is its record, 0 for none. */
  afterChange(n: number, fua: boolean): Promise<void> | undefined {
    if (fua) return this.afterFlush(n);
    return this.inForce === 'sync' && n > 0 ? this.#journaled(n) : undefined;
  }

  /** What the answer to a flush waits for. */
  afterFlush(n: number): Promise<void> {
    const local = this.#local.sync();
    if (this.inForce === 'async' || n === 0) return local;
    return Promise.all([local, this.#journaled(n)]).then(() => undefined);
  }

  /** The journal has stored everything up to `n`. */
  acknowledged(n: number): void {
    this.#gate.acknowledged(n);
    if (this.#degraded && this.#backlogIsEmpty(n)) {
      this.#degraded = false;
      this.#listener.changed(this.inForce, 'the journal has caught up');
    }
  }

  /** The volume has become protected, or ceased to be. */
  setProtected(isProtected: boolean): void {
    this.#protected = isProtected;
    if (isProtected) return;
    this.#degraded = false;
    this.#gate.releaseAll();
  }

  #journaled(n: number): Promise<void> {
    if (n <= this.#stream.ackedN) return Promise.resolve();
    const promise = this.#gate.wait(n);
    this.#listener.waiting();
    return promise;
  }

  #degrade(): void {
    this.#degraded = true;
    this.#probe = undefined;
    this.#gate.releaseAll();
    const seconds = this.#limits.durabilityWaitMsMax / 1000;
    this.#listener.changed('async', `the journal has not answered for ${seconds} s`);
  }

  /** Empty, or under a steady load: what was queued is stored within `backlogAgeMsMax`. */
  #backlogIsEmpty(n: number): boolean {
    const last = this.#stream.position.n;
    if (n >= last) return true;
    const nowMs = this.#scheduler.nowMs();
    const probe = this.#probe;
    if (probe !== undefined && n >= probe.n) {
      this.#probe = undefined;
      if (nowMs - probe.atMs <= this.#limits.backlogAgeMsMax) return true;
    }
    this.#probe ??= { n: last, atMs: nowMs };
    return false;
  }
}
