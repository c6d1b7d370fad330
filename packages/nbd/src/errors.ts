import { Errno, ErrorReply, type NbdErrno } from './protocol/constants.js';

interface ErrorEntry {
  /** What a request that failed this way is answered with. */
  readonly errno: NbdErrno;
  /** What an option that failed this way is answered with. */
  readonly optionReply: number;
  /** What happened, in one sentence, for the documentation. */
  readonly meaning: string;
}

const entry = (errno: NbdErrno, optionReply: number, meaning: string): ErrorEntry =>
  Object.freeze({ errno, optionReply, meaning });

const { EPERM, EIO, EINVAL, ENOSPC, ENOTSUP, ESHUTDOWN } = Errno;
const { UNSUP, POLICY, INVALID, UNKNOWN, SHUTDOWN, TOO_BIG } = ErrorReply;

/** Every error this package makes itself, by code. Backends may use codes of their own. */
export const NBD_ERROR_CODES = Object.freeze({
  // Answers to requests; the connection lives on.
  NBD_INVALID_REQUEST: entry(EINVAL, INVALID, 'The command, its flags or its length make no sense'),
  NBD_READ_ONLY: entry(EPERM, POLICY, 'The export is read-only'),
  NBD_OUT_OF_RANGE: entry(EINVAL, INVALID, 'The range ends behind the end of the export'),
  NBD_NO_SPACE: entry(ENOSPC, INVALID, 'The write ends behind the end of the export'),
  NBD_UNALIGNED: entry(EINVAL, INVALID, 'The range is not aligned to the smallest block'),
  NBD_TOO_LARGE: entry(EINVAL, TOO_BIG, 'The request is larger than the largest payload'),
  NBD_UNSUPPORTED: entry(ENOTSUP, UNSUP, 'The operation is not supported'),
  NBD_IO: entry(EIO, UNKNOWN, 'The backend failed'),
  NBD_INTERNAL: entry(EIO, UNKNOWN, 'An unforeseen error; the server reported it as an event'),
  NBD_SHUTDOWN: entry(ESHUTDOWN, SHUTDOWN, 'The server is shutting down'),
  // Answers to options; the handshake goes on.
  NBD_INVALID_OPTION: entry(EINVAL, INVALID, 'The data of the option is malformed'),
  NBD_UNKNOWN_EXPORT: entry(EINVAL, UNKNOWN, 'There is no export of this name'),
  // A server closes a connection for these.
  NBD_BAD_MAGIC: entry(EINVAL, INVALID, 'The peer does not speak NBD or lost its place'),
  NBD_BAD_CLIENT_FLAGS: entry(EINVAL, INVALID, 'The client sent unknown handshake flags'),
  NBD_HANDSHAKE_TIMEOUT: entry(EINVAL, INVALID, 'The handshake took too long'),
  NBD_TOO_MANY_OPTIONS: entry(EINVAL, TOO_BIG, 'The client sent too many options'),
  NBD_OPTION_TOO_LARGE: entry(EINVAL, TOO_BIG, 'The client sent an option that is too long'),
  NBD_PAYLOAD_TOO_LARGE: entry(EINVAL, TOO_BIG, 'A write is too long even to be skipped'),
  NBD_FRAME_TIMEOUT: entry(EINVAL, INVALID, 'Half a request arrived, and no more of it'),
  NBD_REPLY_TIMEOUT: entry(EIO, UNKNOWN, 'The client does not read its replies'),
  NBD_TOO_MANY_CONNECTIONS: entry(EPERM, POLICY, 'The server has as many connections as it may'),
  NBD_TOO_MANY_HANDSHAKES: entry(
    EPERM,
    POLICY,
    'Too many connections have yet to choose an export',
  ),
  // Life of connections and servers.
  NBD_DISCONNECTED: entry(ESHUTDOWN, SHUTDOWN, 'The peer is gone'),
  NBD_CLOSED: entry(ESHUTDOWN, SHUTDOWN, 'This side has closed the connection'),
  NBD_ADDRESS_IN_USE: entry(EIO, UNKNOWN, 'Somebody else listens there, or a file is in the way'),
  NBD_LISTEN_FAILED: entry(EIO, UNKNOWN, 'The address cannot be listened on'),
  NBD_NOT_LISTENING: entry(EINVAL, INVALID, 'The server has no address'),
  NBD_BAD_LIMIT: entry(EINVAL, INVALID, 'A limit is out of its range'),
  NBD_BAD_EXPORT: entry(EIO, UNKNOWN, 'A backend describes its export with impossible numbers'),
  // The client's side.
  NBD_BAD_URI: entry(EINVAL, INVALID, 'The address is not an NBD URI'),
  NBD_CONNECT_FAILED: entry(EIO, UNKNOWN, 'The server cannot be reached'),
  NBD_PROTOCOL: entry(EIO, INVALID, 'The server answered something the protocol does not allow'),
  NBD_REFUSED: entry(EIO, UNKNOWN, 'The server refused, for the reason in its own words'),
} as const satisfies Record<string, ErrorEntry>);

/** The codes in {@link NBD_ERROR_CODES}. */
export type NbdErrorCode = keyof typeof NBD_ERROR_CODES;

/** What {@link NbdError} takes besides code and message. */
export interface NbdErrorOptions {
  /** Overrides the errno that belongs to the code. */
  readonly errno?: NbdErrno;
  /** Overrides the option reply (an `ErrorReply`) that belongs to the code. */
  readonly optionReply?: number;
  /** What led to this. */
  readonly cause?: unknown;
}

/**
 * The one error class of this package, also what backends throw to choose a request's errno.
 *
 * @example
 * throw new NbdError('NBD_NO_SPACE', 'the overlay is full');
 * throw new NbdError('INSTANT_UNKNOWN', 'no such instant', { optionReply: ErrorReply.UNKNOWN });
 */
export class NbdError extends Error {
  override readonly name = 'NbdError';
  /** Stable, for programs: one of {@link NBD_ERROR_CODES} or a code of the backend's own. */
  readonly code: string;
  /** Sent as the error of a request. A code of one's own without an errno means EIO. */
  readonly errno: NbdErrno;
  /** Sent as the error of an option. A code of one's own without one means ERR_UNKNOWN. */
  readonly optionReply: number;

  constructor(code: NbdErrorCode | (string & {}), message: string, options: NbdErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const known = Object.hasOwn(NBD_ERROR_CODES, code)
      ? NBD_ERROR_CODES[code as NbdErrorCode]
      : undefined;
    this.code = code;
    this.errno = options.errno ?? known?.errno ?? EIO;
    this.optionReply = options.optionReply ?? known?.optionReply ?? UNKNOWN;
  }

  /** `CODE: message`, the form in which it goes over the wire. */
  get wireText(): string {
    return `${this.code}: ${this.message}`;
  }
}

/** The error as it is when it is an {@link NbdError}, otherwise NBD_INTERNAL around it. */
export function asNbdError(error: unknown): NbdError {
  if (error instanceof NbdError) return error;
  return new NbdError('NBD_INTERNAL', 'internal error', { cause: error });
}
