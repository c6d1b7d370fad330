import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { NbdError } from '../errors.js';
import { removeStaleSocket } from './stale-socket.js';
import type { NbdAddress } from './uri.js';

/**
 * Where to listen: a host and port (0: any free one), the path of a unix socket, or a descriptor
 * that listens already (socket activation: 3 is the first of LISTEN_FDS).
 */
export type ListenAddress = NbdAddress | { readonly fd: number };

/** A listening socket, and where it really is. */
export interface Listening {
  readonly listener: Server;
  readonly address: NbdAddress;
}

/**
 * Listens.
 *
 * @throws NbdError NBD_ADDRESS_IN_USE or NBD_LISTEN_FAILED.
 */
export async function listen(
  address: ListenAddress,
  accept: (socket: Socket) => void,
): Promise<Listening> {
  // Half-open: a client that closes its sending side after DISC still gets its last replies.
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: false }, accept);
  try {
    await bind(listener, address);
  } catch (error) {
    if (!('path' in address) || codeOf(error) !== 'EADDRINUSE') throw listenError(address, error);
    await removeStaleSocket(address.path);
    try {
      await bind(listener, address);
    } catch (second) {
      throw listenError(address, second);
    }
  }
  return { listener, address: addressOf(listener, address) };
}

function addressOf(listener: Server, wanted: ListenAddress): NbdAddress {
  if ('path' in wanted) return wanted;
  const actual = listener.address() as AddressInfo | string | null;
  if ('host' in wanted) return { host: wanted.host, port: (actual as AddressInfo).port };
  if (actual !== null && typeof actual === 'object' && 'port' in actual) {
    return { host: actual.address, port: actual.port };
  }
  return { path: typeof actual === 'string' ? actual : '' };
}

function bind(listener: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(address, () => {
      listener.off('error', reject);
      resolve();
    });
  });
}

function listenError(address: ListenAddress, cause: unknown): NbdError {
  const place = placeOf(address);
  if (codeOf(cause) === 'EADDRINUSE') {
    return new NbdError('NBD_ADDRESS_IN_USE', `somebody listens on ${place} already`, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new NbdError('NBD_LISTEN_FAILED', `cannot listen on ${place}: ${reason}`, { cause });
}

function placeOf(address: ListenAddress): string {
  if ('path' in address) return address.path;
  return 'fd' in address ? `descriptor ${address.fd}` : `${address.host}:${address.port}`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
