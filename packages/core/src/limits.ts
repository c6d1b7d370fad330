/**
 * Every limit of Retrace's formats and protocol, in one place, with its unit at the end of the
 * name. All bounds are inclusive. A package's own tunable limits (queue sizes, time-outs) stand in
 * that package's `limits.ts`.
 */
export const LIMITS = {
  /** Largest count, offset, time or number that can be exact in a JavaScript number. */
  integerMax: Number.MAX_SAFE_INTEGER,
  /** Names of machines, volumes, bookmarks and clones. */
  nameLengthMax: 63,
  /** The unit of records and of the index, unless a volume says otherwise. */
  blockBytesDefault: 4096,
  blockBytesMin: 512,
  blockBytesMax: 65_536,
  /** One guest request is one record, never split: the largest NBD payload. */
  recordPayloadBytesMax: 32 * 1024 * 1024,
  /** A record completed to whole blocks may be two blocks longer than the guest's request. */
  recordLengthSlackBytes: 2 * 65_536,
  /** Body of a mark or define record. */
  bodyBytesMax: 64 * 1024,
  /** Largest volume: 2^50 bytes, 1 PiB. Block numbers then fit 41 bits at 512 bytes. */
  volumeBytesMax: 2 ** 50,
  volumesPerGroupMax: 256,
  /** Records in one data frame. */
  frameRecordsMax: 4096,
  /** A data frame: payloads, headers and one largest record. */
  frameBytesMax: 40 * 1024 * 1024,
  /** A control message. */
  controlBytesMax: 64 * 1024,
  /** A bookmark's or a reason's text. */
  textLengthMax: 1024,
  /** A record whose time is further ahead of its arrival is clamped to the arrival. */
  clockAheadUsMax: 60_000_000,
} as const;
