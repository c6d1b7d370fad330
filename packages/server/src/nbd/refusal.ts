import { type ErrorCode, type RetraceError, toRetraceError } from '@retrace/core';
import { Errno, ErrorReply, NbdError } from '@retrace/nbd';

/** What exists and may not be had; everything else is not available. */
const POLICY: ReadonlySet<ErrorCode> = new Set([
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TOKEN_ROLE',
  'LISTEN_REFUSED',
  'SERVER_BUSY',
]);

/** An error of a name, as the answer to INFO or GO: `CODE: message`. */
export const refusal = (thrown: unknown): NbdError => {
  if (thrown instanceof NbdError) return thrown;
  const error = toRetraceError(thrown);
  const optionReply = POLICY.has(error.code) ? ErrorReply.POLICY : ErrorReply.UNKNOWN;
  return new NbdError(error.code, clientMessage(error), { optionReply, cause: thrown });
};

/** An error of a request, as its answer. */
export const requestError = (thrown: unknown): NbdError => {
  if (thrown instanceof NbdError) return thrown;
  const error = toRetraceError(thrown);
  const errno = error.code === 'DISK_FULL' ? Errno.ENOSPC : Errno.EIO;
  return new NbdError(error.code, clientMessage(error), { errno, cause: thrown });
};

const clientMessage = (error: RetraceError): string =>
  error.code === 'INTERNAL' ? 'a mistake in Retrace itself; see the log' : error.message;
