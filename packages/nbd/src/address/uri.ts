import { NbdError } from '../errors.js';
import { DEFAULT_PORT } from '../protocol/constants.js';

/** Where a server is: a TCP port or a unix socket. */
export type NbdAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** What an NBD URI says. */
export interface NbdUri {
  readonly address: NbdAddress;
  /** Any text; '' is the server's default export. */
  readonly exportName: string;
}

const bad = (uri: string, why: string, cause?: unknown): NbdError =>
  new NbdError('NBD_BAD_URI', `'${uri}' is not an NBD URI: ${why}`, { cause });

/**
 * Reads `nbd://HOST[:PORT][/NAME]` and `nbd+unix:///[NAME]?socket=PATH`. NAME is all behind the
 * first slash, percent-decoded, and may hold '/', '@' and ':'.
 *
 * @throws NbdError NBD_BAD_URI, saying why.
 */
export function parseUri(uri: string): NbdUri {
  let url: URL;
  try {
    url = new URL(uri);
  } catch (cause) {
    throw bad(uri, 'it is no URI at all', cause);
  }
  const exportName = nameIn(uri, url);
  if (url.protocol === 'nbd+unix:') {
    const path = url.searchParams.get('socket');
    if (path === null || path === '') throw bad(uri, 'it lacks ?socket=PATH');
    return { address: { path }, exportName };
  }
  if (url.protocol !== 'nbd:') throw bad(uri, `'${url.protocol}' is not supported`);
  if (url.hostname === '') throw bad(uri, 'it lacks a host');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { address: { host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) }, exportName };
}

/** The path as it was written: URL would take `.` and `..` out of it. */
function nameIn(uri: string, url: URL): string {
  const written = /^[^:]+:\/\/[^/?#]*\/([^?#]*)/.exec(uri)?.[1] ?? '';
  try {
    return decodeURIComponent(written);
  } catch (cause) {
    throw bad(uri, `the name '${url.pathname}' is not percent-encoded UTF-8`, cause);
  }
}

/** The URI of an export: {@link parseUri} reads it back, and so do libnbd, QEMU and nbdkit. */
export function formatUri(uri: NbdUri): string {
  const name = encodeURIComponent(uri.exportName).replace(/%(2F|3A|40)/g, decodeURIComponent);
  if ('path' in uri.address) {
    const path = encodeURIComponent(uri.address.path).replace(/%2F/g, '/');
    return `nbd+unix:///${name}?socket=${path}`;
  }
  const { host, port } = uri.address;
  const shown = host.includes(':') ? `[${host}]` : host;
  return `nbd://${shown}:${port}/${name}`;
}
