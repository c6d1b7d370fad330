import type { Volume } from '../volume/volume.js';
import type { AgentEvent } from './events.js';

/** Tells of volumes' states, each change once. */
export class StateTeller {
  readonly #onEvent: ((event: AgentEvent) => void) | undefined;
  readonly #report: () => void;
  readonly #told = new Map<Volume, string>();
  #silent = true;

  /** @param report - the journal server is to be told as well */
  constructor(onEvent: ((event: AgentEvent) => void) | undefined, report: () => void) {
    this.#onEvent = onEvent;
    this.#report = report;
  }

  /** Nothing is told before this: `ready` comes first. */
  begin(): void {
    this.#silent = false;
  }

  tell(volume: Volume): void {
    if (this.#silent) return;
    this.#report();
    const { state, reason } = volume;
    const now = `${state} ${reason}`;
    if (this.#told.get(volume) === now) return;
    this.#told.set(volume, now);
    this.#onEvent?.({ event: 'state', volume: volume.fullName, state, reason });
  }
}
