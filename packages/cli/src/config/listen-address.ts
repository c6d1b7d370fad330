import { resolve } from 'node:path';
import { RetraceError } from '@retrace/core';
import type { NbdAddress } from '@retrace/nbd';

const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/;
/** The kernel's limit of a socket's path, without the final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Reads `HOST:PORT` (`[::1]:PORT` for IPv6; port 0 takes any free one) or `unix:PATH`.
 * @param what - the option, for the error
 * @throws RetraceError USAGE
 */
export const parseListenAddress = (text: string, what: string): NbdAddress => {
  if (text.startsWith('unix:')) return socketAddress(text.slice('unix:'.length), what);
  return parseHostPort(text, what, ', or unix:PATH');
};

/**
 * Reads `HOST:PORT` alone.
 * @param orElse - what the caller takes besides, for the error
 * @throws RetraceError USAGE
 */
export const parseHostPort = (
  text: string,
  what: string,
  orElse = '',
): { host: string; port: number } => {
  const match = HOST_PORT.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new RetraceError(
      'USAGE',
      `${what}: "${text}" is not an address: write HOST:PORT, for example 127.0.0.1:10809${orElse}`,
    );
  }
  return { host, port };
};

/**
 * A unix socket's address with an absolute path.
 * @throws RetraceError USAGE for an empty path, or one longer than the kernel takes
 */
export const socketAddress = (path: string, what: string): { path: string } => {
  if (path === '') throw new RetraceError('USAGE', `${what}: unix: needs a path`);
  const absolute = resolve(path);
  const bytes = Buffer.byteLength(absolute);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new RetraceError(
      'USAGE',
      `${what}: the socket's path ${absolute} has ${bytes} bytes, the kernel takes at most ` +
        `${SOCKET_PATH_BYTES_MAX}: choose a shorter one`,
    );
  }
  return { path: absolute };
};

/** The text that `parseListenAddress` reads back as the same. */
export const formatAddress = (address: NbdAddress): string => {
  if ('path' in address) return `unix:${address.path}`;
  const { host, port } = address;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
};
