import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import type { NbdAddress } from '../address/uri.js';
import { NbdError } from '../errors.js';

/**
 * Connects a socket, without delay for small packets and with keepalive.
 *
 * @throws NbdError NBD_CONNECT_FAILED when it cannot be done, or not within `timeoutMs`.
 */
export function dial(address: NbdAddress, timeoutMs: number): Promise<Duplex> {
  const place = 'path' in address ? address.path : `${address.host}:${address.port}`;
  return new Promise((resolve, reject) => {
    const socket = createConnection(address);
    const fail = (reason: string, cause?: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      const text = `cannot connect to ${place}: ${reason}`;
      reject(new NbdError('NBD_CONNECT_FAILED', text, { cause }));
    };
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    const onError = (error: Error): void => fail(error.message, error);
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      socket.setNoDelay(true);
      socket.setKeepAlive(true);
      resolve(socket);
    });
  });
}
