const MIB = 1024 * 1024;

/** When closed segments of the log are sealed into a layer. Bounds are inclusive. */
export interface SealLimits {
  /** Closed segments with so many bytes or records, or so many of them, are sealed. */
  readonly sealBytesMin: number;
  readonly sealRecordsMin: number;
  readonly sealSegmentsMin: number;
  /** So are those whose last record arrived so long ago. */
  readonly sealAgeUsMax: number;
  /** One layer takes no more of them than this, but at least one segment. */
  readonly sealBytesMax: number;
  readonly sealRecordsMax: number;
  /** Looks so often whether segments have become old enough. */
  readonly sealCheckMs: number;
  /** After a failure waits so long, doubled up to the second value. */
  readonly sealRetryMsMin: number;
  readonly sealRetryMsMax: number;
}

export const SEAL_LIMITS: SealLimits = {
  sealBytesMin: 64 * MIB,
  sealRecordsMin: 250_000,
  sealSegmentsMin: 8,
  sealAgeUsMax: 10 * 60 * 1_000_000,
  sealBytesMax: 512 * MIB,
  sealRecordsMax: 500_000,
  sealCheckMs: 60_000,
  sealRetryMsMin: 1000,
  sealRetryMsMax: 60_000,
};
