import type { Consistency } from '@retrace/core';

/** A named instant. */
export interface Bookmark {
  readonly name: string;
  readonly seq: number;
  readonly timeUs: number;
  readonly consistency: Consistency;
}

/** A stretch in which time stood still because the agent's clock had stepped back. */
export interface ClockStandstill {
  readonly seq: number;
  /** Times in [wallUs, heldAtUs) were read twice by the agent's clock. */
  readonly wallUs: number;
  readonly heldAtUs: number;
}

/** A stretch of lost records. */
export interface SeqHole {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** The newest watermark, with the server's time when it was noted. */
export interface WatermarkNote {
  readonly timeUs: number;
  readonly seq: number;
  readonly arrivalUs: number;
}
