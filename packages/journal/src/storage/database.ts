/** One key to be written; `Database.write` takes many as one. */
export interface Put {
  readonly key: Buffer;
  readonly value: Buffer;
}

export type Entry = readonly [key: Buffer, value: Buffer];

/** Keys from `from` (inclusive) to `to` (exclusive), in ascending order of their bytes. */
export interface KeyRange {
  readonly from?: Buffer;
  readonly to?: Buffer;
  /** Descending order. */
  readonly reverse?: boolean;
  /** At most so many entries. */
  readonly limit?: number;
}

export interface DatabaseOptions {
  /** Make it when it does not exist; otherwise a missing one is an error. */
  readonly create: boolean;
  /**
   * What is written stays in one log file of the database up to so many bytes; beyond, it begins a
   * new one, whose name nobody has synced. The log's segments end before that.
   */
  readonly writeBufferBytes: number;
}

/**
 * An ordered map of byte strings, of which LevelDB is the real one. Each key is written ONCE, ever:
 * LevelDB 1.20 can return an older value for an overwritten key while a snapshot is open
 * (google/leveldb#320). Nothing is ever deleted singly.
 */
export interface Database {
  /**
   * Writes all or nothing, durable when it resolves. After a failure the database takes no more
   * writes; whether these are in it is unknown.
   */
  write(puts: readonly Put[]): Promise<void>;

  /**
   * Reads a range in batches of some MiB: the state of the moment it begins. Values are the
   * caller's to keep. What the medium has damaged may come back as data, or be missing.
   */
  scan(range: KeyRange): AsyncIterable<readonly Entry[]>;

  /** Rewrites what is in the log file as sorted tables, so that the next opening is quick. */
  compact(): Promise<void>;

  close(): Promise<void>;
}
