const MAGIC = 0x6a736677736872n;
const SUPER_BYTES = 28;
const FLAG = { flush: 1n, fua: 2n, discard: 4n, mark: 8n } as const;

/** One entry of a log in the format of dm-log-writes, which QEMU's blklogwrites writes too. */
export interface LogEntry {
  readonly offset: number;
  readonly length: number;
  readonly isFlush: boolean;
  readonly isDiscard: boolean;
  /** Empty for a flush or a discard. */
  readonly data: Buffer;
}

/**
 * Reads all entries of a log.
 *
 * @throws Error for what is no such log
 */
export function readLogWrites(log: Buffer): LogEntry[] {
  if (log.length < SUPER_BYTES || log.readBigUInt64LE(0) !== MAGIC) throw new Error('no such log');
  const version = log.readBigUInt64LE(8);
  if (version !== 1n) throw new Error(`log version ${version}`);
  const count = Number(log.readBigUInt64LE(16));
  const sectorBytes = log.readUInt32LE(24);
  const entries: LogEntry[] = [];
  let at = sectorBytes;
  for (let i = 0; i < count; i++) {
    const sectors = Number(log.readBigUInt64LE(at + 8));
    const flags = log.readBigUInt64LE(at + 16);
    if ((flags & FLAG.mark) !== 0n) throw new Error('a mark in a log that has none');
    const isDiscard = (flags & FLAG.discard) !== 0n;
    const length = sectors * sectorBytes;
    const dataAt = at + sectorBytes;
    const dataEnd = dataAt + (isDiscard ? 0 : length);
    if (dataEnd > log.length) throw new Error(`entry ${i} reaches past the end of the log`);
    entries.push({
      offset: Number(log.readBigUInt64LE(at)) * sectorBytes,
      length,
      isFlush: (flags & FLAG.flush) !== 0n,
      isDiscard,
      data: log.subarray(dataAt, dataEnd),
    });
    at = dataEnd;
  }
  return entries;
}

/** Does to an image what an entry says. A discard reads as zeros. */
export function applyLogEntry(image: Buffer, { offset, length, isDiscard, data }: LogEntry): void {
  if (isDiscard) image.fill(0, offset, offset + length);
  else data.copy(image, offset);
}
