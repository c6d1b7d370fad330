import type { RetraceError } from '@retrace/core';
import type { Damage } from '../storage/damage.js';

/** Damages kept by name; more are counted only, so that a rotten disk does not fill the memory. */
const DAMAGES_MAX = 1000;

/** What reads found damaged, each place once. */
export class DamageBook {
  readonly #byPlace = new Map<string, Damage>();

  get all(): readonly Damage[] {
    return [...this.#byPlace.values()];
  }

  note(error: RetraceError): void {
    const { place: named, segment, position } = error.details;
    const place =
      typeof named === 'string'
        ? named
        : `segment ${String(segment)}, payload byte ${String(position)}`;
    if (this.#byPlace.has(place) || this.#byPlace.size >= DAMAGES_MAX) return;
    this.#byPlace.set(place, { code: 'CORRUPTION', message: error.message, place });
  }
}
