/** Records of one group that a damage took. Both bounds inclusive. */
export interface LostSeqs {
  readonly groupId: number;
  readonly fromSeq: number;
  readonly toSeq: number;
}

/**
 * Stored bytes that are damaged or missing. Never fatal: what needs them fails by name, everything
 * else goes on.
 */
export interface Damage {
  readonly code: 'CORRUPTION';
  /** What is wrong, and what became of it. */
  readonly message: string;
  /** File, and byte or key where it is known. */
  readonly place: string;
  /** Records that are lost: the first and last lsn, both inclusive. */
  readonly lostFromLsn?: number;
  readonly lostToLsn?: number;
  /** Which groups they belonged to, as far as that can be told. */
  readonly lostSeqs?: readonly LostSeqs[];
}

/** A damage of which nothing is lost, or of which the loss is not of records. */
export const damage = (place: string, message: string): Damage => ({
  code: 'CORRUPTION',
  message,
  place,
});
