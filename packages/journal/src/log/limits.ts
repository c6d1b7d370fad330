const MIB = 1024 * 1024;

/** How large the log's parts grow. All may be set, for tests above all. Bounds are inclusive. */
export interface LogLimits {
  /** A segment ends before a commit that would make its payload file larger. */
  readonly segmentBytesMax: number;
  /** The same for the bytes of its entries; below `writeBufferBytes` by a margin. */
  readonly segmentEntryBytesMax: number;
  readonly segmentRecordsMax: number;
  /** A segment that holds records ends at the first commit after so long, by arrival. */
  readonly segmentAgeUsMax: number;
  /**
   * LevelDB's write buffer. A segment's entries must fit: LevelDB would otherwise begin a second
   * log file, of which nothing says when its name is durable.
   */
  readonly writeBufferBytes: number;
  /** What one commit takes of what waits: payload bytes, and records. One append always fits. */
  readonly commitBytesMax: number;
  readonly commitRecordsMax: number;
  /** Records and other bytes of one chunk, the unit of entries. */
  readonly chunkRecordsMax: number;
  readonly chunkPayloadBytesMax: number;
  readonly chunkInlineBytesMax: number;
  /** Closing commit after so long without an append. */
  readonly idleMs: number;
  /** Watermarks alone (idle agents) are stored this often. */
  readonly watermarkMs: number;
  /** After a failed commit appends are refused for so long, doubled up to the second value. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** Payload files and databases of closed segments that are kept open. */
  readonly openFilesMax: number;
  readonly openDatabasesMax: number;
}

export const LOG_LIMITS: LogLimits = {
  segmentBytesMax: 256 * MIB,
  segmentEntryBytesMax: 32 * MIB,
  segmentRecordsMax: 1_000_000,
  segmentAgeUsMax: 10 * 60 * 1_000_000,
  writeBufferBytes: 80 * MIB,
  commitBytesMax: 32 * MIB,
  commitRecordsMax: 32 * 1024,
  chunkRecordsMax: 1024,
  chunkPayloadBytesMax: 64 * MIB,
  chunkInlineBytesMax: MIB,
  idleMs: 250,
  watermarkMs: 5000,
  retryMsMin: 100,
  retryMsMax: 5000,
  openFilesMax: 64,
  openDatabasesMax: 4,
};
