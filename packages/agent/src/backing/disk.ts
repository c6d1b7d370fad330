/** What tells whether a disk was touched while nobody of ours held it. */
export interface DiskStamp {
  readonly sizeBytes: number;
  /** Nanoseconds, as decimal text: they exceed 2^53. */
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  /** Block devices only: this boot, and what was written since then. Else empty. */
  readonly writes: string;
  /** CRC-32C over samples of the contents. */
  readonly samples: number;
}

/** How a range comes to read as zeros. */
export type ZeroMode = 'hole' | 'allocated';

/**
 * A file or block device that is protected. Synchronous calls may stop the event loop where the
 * page cache is not enough; the others go through the thread pool. All throw system errors.
 */
export interface Disk {
  readonly path: string;
  readonly sizeBytes: number;
  readonly isBlockDevice: boolean;
  /** The bytes, when the page cache holds them all: valid until the next call. Else undefined. */
  readCached(offset: number, length: number): Buffer | undefined;
  /** Fills `target`. */
  read(offset: number, target: Buffer): Promise<void>;
  readSync(offset: number, target: Buffer): void;
  write(offset: number, data: Buffer): Promise<void>;
  writeSync(offset: number, data: Buffer): void;
  /** Zeros a range without writing it out; false where that cannot be done. */
  zeroSync(offset: number, length: number, mode: ZeroMode): boolean;
  /** Makes everything written before the call durable. */
  sync(): Promise<void>;
  /** Start of the next data at or after `offset`, undefined when there is none. */
  nextData(offset: number): number | undefined;
  /** Start of the next hole at or after `offset`; at the latest the end. */
  nextHole(offset: number): number;
  stamp(): DiskStamp;
  close(): void;
}
