import type { AgentLimits } from '../limits.js';
import type { Cancel, Scheduler } from '../system/scheduler.js';

export interface HeartbeatTarget {
  ping(): void;
  /** The peer is taken for dead. */
  dead(why: string): void;
}

/** Notices a peer that has gone without a word. */
export class Heartbeat {
  readonly #limits: AgentLimits;
  readonly #scheduler: Scheduler;
  readonly #target: HeartbeatTarget;
  #heardMs = 0;
  #timer: Cancel | undefined;
  #running = false;

  constructor(limits: AgentLimits, scheduler: Scheduler, target: HeartbeatTarget) {
    this.#limits = limits;
    this.#scheduler = scheduler;
    this.#target = target;
  }

  start(): void {
    this.#running = true;
    this.heard();
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.();
  }

  /** Something came from the peer. */
  heard(): void {
    this.#heardMs = this.#scheduler.nowMs();
  }

  #arm(): void {
    this.#timer = this.#scheduler.after(this.#limits.heartbeatMs, () => {
      if (!this.#running) return;
      if (!this.#isSilent()) {
        this.#target.ping();
        this.#arm();
        return;
      }
      // Had this process stood still, what came meanwhile would not have been read yet: look again.
      this.#scheduler.soon(() => this.#scheduler.soon(() => this.#judge()));
    });
  }

  #judge(): void {
    if (!this.#running) return;
    if (this.#isSilent()) this.#target.dead('the server has been silent for too long');
    else this.#arm();
  }

  #isSilent(): boolean {
    return this.#scheduler.nowMs() - this.#heardMs > this.#limits.silenceMsMax;
  }
}
