/** An NBD server that a measurement runs against. */
export interface NbdPeer {
  readonly uri: string;
  readonly pid: number;
}

const escapePath = (path: string): string => encodeURIComponent(path).replaceAll('%2F', '/');

/** URI of an export behind a unix socket. */
export const unixUri = (socket: string, exportName = ''): string =>
  `nbd+unix:///${escapePath(exportName)}?socket=${escapePath(socket)}`;
