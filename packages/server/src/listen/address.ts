import { isIP } from 'node:net';
import { RetraceError } from '@retrace/core';

/** Where to listen: a TCP port or a unix socket. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/;

/**
 * Reads `HOST:PORT` (`[::1]:PORT` for IPv6; port 0: any free one).
 * @param what - the option it was given to, for the error
 * @throws RetraceError CONFIG_INVALID
 */
export const parseHostPort = (text: string, what: string): { host: string; port: number } => {
  const match = HOST_PORT.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new RetraceError('CONFIG_INVALID', `${what}: "${text}" is not HOST:PORT`);
  }
  return { host, port };
};

/**
 * Reads `HOST:PORT` or `unix:PATH`.
 * @throws RetraceError CONFIG_INVALID
 */
export const parseListenAddress = (text: string, what: string): ListenAddress => {
  if (!text.startsWith('unix:')) return parseHostPort(text, what);
  const path = text.slice('unix:'.length);
  if (path === '') throw new RetraceError('CONFIG_INVALID', `${what}: unix: needs a path`);
  return { path };
};

/** True for an address that only this machine can reach. */
export const isLoopback = (host: string): boolean => {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
};

/**
 * Lets pass what only this machine can reach: nothing is encrypted in this version, and a journal
 * holds every secret the disk ever had.
 * @throws RetraceError LISTEN_REFUSED
 */
export const requireLocal = (address: ListenAddress, what: string): void => {
  if ('path' in address || isLoopback(address.host)) return;
  throw new RetraceError(
    'LISTEN_REFUSED',
    `${what} may not listen on ${address.host}: this version has no TLS, so it listens on ` +
      `loopback (127.0.0.1, ::1)${what === 'NBD' ? ' or a unix socket' : ''} only; reach it ` +
      'from elsewhere through an SSH tunnel or a TLS proxy on this machine',
  );
};

/** `HOST:PORT` as it stands in a URL. */
export const formatHostPort = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;
