import type { Seq, TimeUs } from '../ids/brands.js';

/** A place in a group's history, as a person or a script names it. */
export type Instant =
  | { readonly kind: 'latest' }
  /** So many microseconds before the agent's now. */
  | { readonly kind: 'ago'; readonly us: number }
  | { readonly kind: 'seq'; readonly seq: Seq }
  /** By the agent's clock. */
  | { readonly kind: 'time'; readonly timeUs: TimeUs }
  /** By the server's clock. */
  | { readonly kind: 'arrival'; readonly timeUs: TimeUs }
  | { readonly kind: 'bookmark'; readonly name: string };

/** An instant, exact or (`~`) the nearest at or before it that can be had. */
export interface InstantRequest {
  readonly instant: Instant;
  readonly nearest: boolean;
}

export const LATEST: InstantRequest = { instant: { kind: 'latest' }, nearest: false };

/** True for names that mean something else a moment later. */
export const isMoving = ({ instant, nearest }: InstantRequest): boolean =>
  nearest || instant.kind === 'latest' || instant.kind === 'ago';
