import { randomUUID } from 'node:crypto';

/** Randomness. Passed in, so that tests bring their own. */
export interface Random {
  /** From 0 to 1, without 1. */
  fraction(): number;
  /** A lower-case UUID. */
  uuid(): string;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  uuid: () => randomUUID(),
};
