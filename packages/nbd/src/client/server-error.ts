import { NbdError } from '../errors.js';
import { Errno, type NbdErrno } from '../protocol/constants.js';

const CODE_AND_MESSAGE = /^([A-Z][A-Z0-9_]{2,}): (.+)$/s;

const ERRNO_NAMES = new Map<number, string>(
  Object.entries(Errno).map(([name, value]) => [value, name]),
);

/** An error in the server's words: `CODE: message` gives its code, other text is NBD_REFUSED. */
export function serverError(
  text: string,
  fallback: string,
  numbers: { readonly errno?: number; readonly optionReply?: number },
): NbdError {
  const [, code = 'NBD_REFUSED', message = text] = CODE_AND_MESSAGE.exec(text) ?? [];
  const { errno, optionReply } = numbers;
  return new NbdError(code, message === '' ? fallback : message, {
    ...(errno === undefined ? {} : { errno: knownErrno(errno) }),
    ...(optionReply === undefined ? {} : { optionReply }),
  });
}

/** `ENOSPC`, or `error 42`. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `error ${errno}`;
}

function knownErrno(errno: number): NbdErrno {
  return ERRNO_NAMES.has(errno) ? (errno as NbdErrno) : Errno.EINVAL;
}
