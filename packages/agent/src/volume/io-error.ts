import { systemErrorCode } from '@retrace/core';
import { Errno, NbdError } from '@retrace/nbd';

/** A failure of the local disk as the guest gets it: ENOSPC stays ENOSPC, the rest is EIO. */
export const ioError = (what: string, cause: unknown): NbdError => {
  const code = systemErrorCode(cause);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const text = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
  return full
    ? new NbdError('NBD_NO_SPACE', text, { errno: Errno.ENOSPC, cause })
    : new NbdError('NBD_IO', text, { cause });
};

/** The connection of a request is gone, and the request with it. */
export const disconnected = (): NbdError =>
  new NbdError('NBD_DISCONNECTED', 'the connection ended before the request began');
