import type { VolumeState } from '@retrace/core';

/** What the agent tells, one JSON line each on the command line's stdout. */
export type AgentEvent =
  /** A client can attach now, whether or not the journal server is there. */
  | { readonly event: 'ready'; readonly volume: string; readonly uri: string }
  | {
      readonly event: 'state';
      readonly volume: string;
      readonly state: VolumeState;
      readonly reason: string;
    };

/** How the agent left one volume. */
export interface VolumeOutcome {
  /** `MACHINE/NAME`. */
  readonly volume: string;
  /** The next start goes on without a copy, if the disk is not touched meanwhile. */
  readonly clean: boolean;
  readonly state: VolumeState;
  /** Why it is not clean; else empty. */
  readonly reason: string;
}

/** What a stop has left. */
export interface StopResult {
  readonly volumes: readonly VolumeOutcome[];
  /** Records that the journal never acknowledged. */
  readonly unsentRecords: number;
  readonly unsentBytes: number;
}
