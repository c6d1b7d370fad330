/*
 * Numbers of the NBD protocol. All integers on the wire are big-endian.
 * Source: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */

/** First eight bytes a server sends: "NBDMAGIC". */
export const GREETING_MAGIC = 0x4e42444d41474943n;
/** Before each option, and second in the greeting: "IHAVEOPT". */
export const OPTION_MAGIC = 0x49484156454f5054n;
/** Before each answer to an option. */
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
/** Before each request. */
export const REQUEST_MAGIC = 0x25609513;
/** Before each simple reply. */
export const SIMPLE_REPLY_MAGIC = 0x67446698;
/** Before each chunk of a structured reply. */
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

/** magic32 flags16 type16 cookie64 offset64 length32 */
export const REQUEST_BYTES = 28;
/** magic32 error32 cookie64 */
export const SIMPLE_REPLY_BYTES = 16;
/** magic32 flags16 type16 cookie64 length32 */
export const CHUNK_HEADER_BYTES = 20;
/** magic64 option32 length32 */
export const OPTION_HEADER_BYTES = 16;
/** magic64 option32 type32 length32 */
export const OPTION_REPLY_HEADER_BYTES = 20;
/** Zeros after the answer to EXPORT_NAME when NO_ZEROES was not agreed. */
export const EXPORT_NAME_PADDING_BYTES = 124;

/** Handshake flags; the client's have the same values. */
export const HandshakeFlag = Object.freeze({ FIXED_NEWSTYLE: 1, NO_ZEROES: 2 });

/** Options of the handshake. */
export const Option = Object.freeze({
  EXPORT_NAME: 1,
  ABORT: 2,
  LIST: 3,
  STARTTLS: 5,
  INFO: 6,
  GO: 7,
  STRUCTURED_REPLY: 8,
  LIST_META_CONTEXT: 9,
  SET_META_CONTEXT: 10,
  EXTENDED_HEADERS: 11,
});

/** Answers to an option that say yes. */
export const OptionReply = Object.freeze({ ACK: 1, SERVER: 2, INFO: 3, META_CONTEXT: 4 });

const OPTION_ERROR = 2 ** 31;

/** Answers to an option that say no. */
export const ErrorReply = Object.freeze({
  UNSUP: OPTION_ERROR + 1,
  POLICY: OPTION_ERROR + 2,
  INVALID: OPTION_ERROR + 3,
  PLATFORM: OPTION_ERROR + 4,
  TLS_REQD: OPTION_ERROR + 5,
  UNKNOWN: OPTION_ERROR + 6,
  SHUTDOWN: OPTION_ERROR + 7,
  BLOCK_SIZE_REQD: OPTION_ERROR + 8,
  TOO_BIG: OPTION_ERROR + 9,
});

/** What INFO and GO tell about an export. */
export const InfoType = Object.freeze({ EXPORT: 0, NAME: 1, DESCRIPTION: 2, BLOCK_SIZE: 3 });

/** Transmission flags: what an export can do. */
export const TransmissionFlag = Object.freeze({
  HAS_FLAGS: 1 << 0,
  READ_ONLY: 1 << 1,
  SEND_FLUSH: 1 << 2,
  SEND_FUA: 1 << 3,
  ROTATIONAL: 1 << 4,
  SEND_TRIM: 1 << 5,
  SEND_WRITE_ZEROES: 1 << 6,
  SEND_DF: 1 << 7,
  CAN_MULTI_CONN: 1 << 8,
  SEND_CACHE: 1 << 10,
  SEND_FAST_ZERO: 1 << 11,
});

/** Commands of the transmission phase. */
export const Command = Object.freeze({
  READ: 0,
  WRITE: 1,
  DISC: 2,
  FLUSH: 3,
  TRIM: 4,
  CACHE: 5,
  WRITE_ZEROES: 6,
  BLOCK_STATUS: 7,
});

/** Names of the commands, by number. */
export const COMMAND_NAMES = Object.freeze([
  'read',
  'write',
  'disc',
  'flush',
  'trim',
  'cache',
  'writeZeroes',
  'blockStatus',
] as const);

/** Name of a command of the protocol. */
export type NbdCommandName = (typeof COMMAND_NAMES)[number];

/** Flags of a request. */
export const CommandFlag = Object.freeze({
  FUA: 1 << 0,
  NO_HOLE: 1 << 1,
  DF: 1 << 2,
  REQ_ONE: 1 << 3,
  FAST_ZERO: 1 << 4,
});

/** Flag of the last chunk of a structured reply. */
export const CHUNK_DONE = 1;

/** Types of structured chunks. */
export const ChunkType = Object.freeze({
  NONE: 0,
  OFFSET_DATA: 1,
  OFFSET_HOLE: 2,
  BLOCK_STATUS: 5,
  ERROR: 32769,
  ERROR_OFFSET: 32770,
});

/** The one metadata context served. */
export const BASE_ALLOCATION = 'base:allocation';

/** Status flags of {@link BASE_ALLOCATION}. */
export const AllocationFlag = Object.freeze({ HOLE: 1, ZERO: 2 });

/** Error numbers of the protocol (Linux values, whatever the platform). */
export const Errno = Object.freeze({
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const);

/** One of {@link Errno}'s values. */
export type NbdErrno = (typeof Errno)[keyof typeof Errno];

/** Port of `nbd://` without one. */
export const DEFAULT_PORT = 10_809;
