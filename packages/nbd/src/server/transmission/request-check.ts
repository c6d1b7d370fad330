import { NbdError, type NbdErrorCode } from '../../errors.js';
import type { BlockSizes } from '../../export/facts.js';
import { Command, CommandFlag as Flag, TransmissionFlag } from '../../protocol/constants.js';
import type { Request } from './request.js';

/** What requests are checked against: an export as it was offered to one connection. */
export interface RequestFacts {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly blocks: BlockSizes;
  /** By command number: the flags allowed, or -1 when the command was not offered. */
  readonly allowedFlags: Int32Array;
}

const NOT_OFFERED = -1;

/** Works out {@link RequestFacts} from the transmission flags that were sent. */
export function requestFacts(
  sizeBytes: number,
  blocks: BlockSizes,
  transmissionFlags: number,
  structured: boolean,
  extents: boolean,
): RequestFacts {
  const has = (flag: number): boolean => (transmissionFlags & flag) !== 0;
  // FUA means nothing to a command that writes nothing, and is allowed with it all the same.
  const fua = has(TransmissionFlag.SEND_FUA) ? Flag.FUA : 0;
  const offered = (offer: boolean, flags: number): number => (offer ? flags | fua : NOT_OFFERED);
  const readOnly = has(TransmissionFlag.READ_ONLY);
  const fast = has(TransmissionFlag.SEND_FAST_ZERO) ? Flag.FAST_ZERO : 0;
  const allowedFlags = new Int32Array(Command.BLOCK_STATUS + 1).fill(NOT_OFFERED);
  allowedFlags[Command.READ] = offered(true, structured ? Flag.DF : 0);
  allowedFlags[Command.WRITE] = offered(true, 0);
  allowedFlags[Command.FLUSH] = offered(has(TransmissionFlag.SEND_FLUSH), 0);
  allowedFlags[Command.TRIM] = offered(has(TransmissionFlag.SEND_TRIM), 0);
  allowedFlags[Command.CACHE] = offered(has(TransmissionFlag.SEND_CACHE), 0);
  allowedFlags[Command.WRITE_ZEROES] = offered(
    has(TransmissionFlag.SEND_WRITE_ZEROES),
    Flag.NO_HOLE | fast,
  );
  allowedFlags[Command.BLOCK_STATUS] = offered(extents, Flag.REQ_ONE);
  return { sizeBytes, readOnly, blocks, allowedFlags };
}

/** Why a request is refused; made once each, so that refusing costs nothing. */
const refusal = (code: NbdErrorCode, message: string): NbdError => {
  const error = new NbdError(code, message);
  delete error.stack;
  return error;
};

const READ_ONLY = refusal('NBD_READ_ONLY', 'the export is read-only');
const UNKNOWN = refusal('NBD_INVALID_REQUEST', 'unknown command');
const UNOFFERED = refusal('NBD_INVALID_REQUEST', 'the export does not offer this command');
const BAD_FLAGS = refusal('NBD_INVALID_REQUEST', 'a flag is unknown, or wrong with this command');
const EMPTY = refusal('NBD_INVALID_REQUEST', 'the length must not be zero');
const BAD_FLUSH = refusal('NBD_INVALID_REQUEST', 'a flush has neither offset nor length');
const UNALIGNED = refusal('NBD_UNALIGNED', 'the range is not aligned to the smallest block');
const PAST_END = refusal('NBD_OUT_OF_RANGE', 'the range ends behind the end of the export');
const NO_SPACE = refusal('NBD_NO_SPACE', 'the range ends behind the end of the export');
const TOO_LARGE = refusal('NBD_TOO_LARGE', 'the request is larger than the largest payload');

/** Refuses what comes while a server shuts down. */
export const SHUTTING_DOWN = refusal('NBD_SHUTDOWN', 'the server is shutting down');

const isMutation = (command: number): boolean =>
  command === Command.WRITE || command === Command.TRIM || command === Command.WRITE_ZEROES;

/**
 * Why a request (any but DISC) cannot be executed; undefined when it can. The offset may be
 * any number of 64 bits, as nearly as a double holds it.
 */
export function refusalOf(facts: RequestFacts, request: Request): NbdError | undefined {
  const { command, flags, offset, length } = request;
  const allowed = facts.allowedFlags[command];
  if (allowed === undefined || command === Command.DISC) return UNKNOWN;
  if (facts.readOnly && isMutation(command)) return READ_ONLY;
  if (allowed === NOT_OFFERED) return UNOFFERED;
  if ((flags & ~allowed) !== 0) return BAD_FLAGS;
  if (command === Command.FLUSH) return offset === 0 && length === 0 ? undefined : BAD_FLUSH;
  if (length === 0) return EMPTY;
  const carriesPayload = command === Command.READ || command === Command.WRITE;
  if (carriesPayload && length > facts.blocks.maxBytes) return TOO_LARGE;
  const end = offset + length;
  if (end > facts.sizeBytes) {
    return command === Command.WRITE || command === Command.WRITE_ZEROES ? NO_SPACE : PAST_END;
  }
  const min = facts.blocks.minBytes;
  if (min > 1 && (offset % min !== 0 || (length % min !== 0 && end !== facts.sizeBytes))) {
    return UNALIGNED;
  }
  return undefined;
}
