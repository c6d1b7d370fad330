import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { RetraceError } from '@retrace/core';
import {
  type ListenAddress,
  type NbdConnection,
  NbdError,
  type NbdExport,
  type NbdExportProvider,
  NbdServer,
  type NbdServerEvent,
} from '@retrace/nbd';
import type { Logger } from '../system/logger.js';
import { VolumeExport, type VolumePaths } from '../volume/volume-export.js';
import { WriterLeases } from '../volume/writer-lease.js';

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[?::1\]?|localhost)$/;
const SOCKET_MODE = 0o600;

/**
 * Reads `unix:PATH` or `HOST:PORT`.
 * @throws RetraceError CONFIG_INVALID; LISTEN_REFUSED for a host that is not loopback
 */
export const parseListen = (text: string): ListenAddress => {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) {
    return { path: text.slice('unix:'.length) };
  }
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(0, colon));
  const port = Number(text.slice(colon + 1));
  if (host === '' || !/^\d+$/.test(text.slice(colon + 1)) || port > 65_535) {
    const how = 'write unix:PATH or HOST:PORT';
    throw new RetraceError('CONFIG_INVALID', `"${text}" cannot be listened on: ${how}`);
  }
  if (!LOOPBACK.test(host)) {
    const how = 'a disk may be offered on loopback or a unix socket only';
    throw new RetraceError('LISTEN_REFUSED', `${text}: ${how}`);
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
};

/** Where a volume is offered when nothing is said. */
export const defaultListen = (stateDir: string, name: string): string =>
  `unix:${join(stateDir, `${name}.sock`)}`;

/** A volume and where to offer it. */
export interface Offer {
  readonly paths: VolumePaths;
  readonly listen: string;
}

/** A volume that can be attached to. */
export interface Offered {
  readonly paths: VolumePaths;
  readonly uri: string;
}

/**
 * Offers volumes: one server for each address.
 * @throws RetraceError PORT_IN_USE, CONFIG_INVALID, LISTEN_REFUSED; nothing is listened on then
 */
export const offerVolumes = async (
  offers: readonly Offer[],
  logger: Logger,
): Promise<{ readonly servers: readonly NbdServer[]; readonly offered: readonly Offered[] }> => {
  const byAddress = new Map<string, Offer[]>();
  for (const offer of offers) {
    parseListen(offer.listen);
    byAddress.set(offer.listen, [...(byAddress.get(offer.listen) ?? []), offer]);
  }
  const servers: NbdServer[] = [];
  const offered: Offered[] = [];
  try {
    for (const [listen, group] of byAddress) {
      const server = await listenOn(parseListen(listen), group, logger);
      servers.push(server);
      for (const { paths } of group) {
        offered.push({ paths, uri: server.uri(paths.volume.definition.name) });
      }
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    throw error;
  }
  return { servers, offered };
};

const listenOn = async (
  address: ListenAddress,
  offers: readonly Offer[],
  logger: Logger,
): Promise<NbdServer> => {
  const provider = new VolumeProvider(offers.map(({ paths }) => paths));
  const onEvent = (event: NbdServerEvent): void => {
    if (event.kind === 'backend-failed') logger.error(event, 'a request failed unexpectedly');
    else logger.debug(event, 'nbd');
  };
  try {
    const server = await NbdServer.listen({ address, provider, onEvent });
    // Whoever may connect may write the whole disk.
    if ('path' in address) chmodSync(address.path, SOCKET_MODE);
    return server;
  } catch (cause) {
    const inUse = cause instanceof NbdError && cause.code === 'NBD_ADDRESS_IN_USE';
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new RetraceError(inUse ? 'PORT_IN_USE' : 'CONFIG_INVALID', message, { cause });
  }
};

/** The volumes of one address, by name; the only one also as the default export. */
class VolumeProvider implements NbdExportProvider {
  readonly #byName = new Map<string, { paths: VolumePaths; leases: WriterLeases }>();

  constructor(volumes: readonly VolumePaths[]) {
    for (const paths of volumes) {
      this.#byName.set(paths.volume.definition.name, { paths, leases: new WriterLeases() });
    }
  }

  list(): Promise<{ name: string; description: string }[]> {
    const list = [...this.#byName].map(([name, { paths }]) => ({
      name,
      description: `${paths.volume.fullName}, protected by Retrace`,
    }));
    return Promise.resolve(list);
  }

  async open(name: string, connection: NbdConnection, purpose: 'info' | 'go'): Promise<NbdExport> {
    const only = this.#byName.size === 1 ? [...this.#byName.values()][0] : undefined;
    const found = this.#byName.get(name) ?? (name === '' ? only : undefined);
    if (found === undefined) {
      throw new NbdError('NBD_UNKNOWN_EXPORT', `there is no volume "${name}" here`);
    }
    const { paths, leases } = found;
    if (purpose === 'info') return new VolumeExport(paths, connection, undefined, leases.taken);
    const lease = await leases.acquire(connection);
    return new VolumeExport(paths, connection, lease, lease === undefined);
  }
}
