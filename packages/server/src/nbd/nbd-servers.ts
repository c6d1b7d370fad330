import { chmod } from 'node:fs/promises';
import { RetraceError } from '@retrace/core';
import {
  NbdError,
  type NbdExportProvider,
  NbdServer,
  type NbdServerEvent,
  type TurnQueue,
} from '@retrace/nbd';
import type { Logger } from 'pino';
import { formatHostPort, type ListenAddress, requireLocal } from '../listen/address.js';
import type { Metrics } from '../observe/metrics.js';
import { mirrorNbd } from '../observe/mirrors.js';

export interface NbdServersOptions {
  readonly addresses: readonly ListenAddress[];
  readonly provider: NbdExportProvider;
  readonly turns: TurnQueue;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The NBD servers of one journal server: one per address. */
export class NbdServers {
  readonly #servers: readonly NbdServer[];

  private constructor(servers: readonly NbdServer[]) {
    this.#servers = servers;
  }

  /** @throws RetraceError LISTEN_REFUSED, PORT_IN_USE, CONFIG_INVALID */
  static async listen(options: NbdServersOptions): Promise<NbdServers> {
    const { addresses, provider, turns, metrics, logger } = options;
    for (const address of addresses) requireLocal(address, 'NBD');
    const onEvent = (event: NbdServerEvent): void => noteEvent(event, logger, metrics);
    const servers: NbdServer[] = [];
    try {
      for (const address of addresses) {
        servers.push(await NbdServer.listen({ address, provider, turns, onEvent }));
        // NBD takes no tokens in this version: who may open the socket may read every instant.
        if ('path' in address) await chmod(address.path, 0o600);
      }
    } catch (error) {
      await Promise.all(servers.map((server) => server.close()));
      throw listenError(error);
    }
    mirrorNbd(metrics, () => servers.map((server) => server.stats));
    return new NbdServers(servers);
  }

  /** `nbd://HOST:PORT`, with the port it really has, or `nbd+unix:///?socket=PATH`. */
  get uris(): readonly string[] {
    return this.#servers.map((server) => {
      const { address } = server;
      if ('path' in address) return server.uri();
      return `nbd://${formatHostPort(address.host, address.port)}`;
    });
  }

  /** Finishes what is in flight, then closes every connection. */
  async close(timeoutMs: number): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close({ timeoutMs })));
  }
}

const listenError = (error: unknown): unknown => {
  if (!(error instanceof NbdError)) return error;
  const inUse = error.code === 'NBD_ADDRESS_IN_USE';
  return new RetraceError(
    inUse ? 'PORT_IN_USE' : 'CONFIG_INVALID',
    inUse
      ? `NBD: ${error.message}; stop that program or choose another address with --nbd`
      : `NBD: ${error.message}`,
    { cause: error },
  );
};

/** Events carry numbers and names that clients choose: they go into the log, never into labels. */
const noteEvent = (event: NbdServerEvent, logger: Logger, metrics: Metrics): void => {
  const { kind, ...facts } = event;
  switch (kind) {
    case 'backend-failed':
    case 'listener-failed':
      metrics.errors.inc({ code: 'INTERNAL', where: 'nbd' });
      logger.error({ ...facts, err: event.error }, `nbd: ${kind}`);
      return;
    case 'connection-refused':
      metrics.errors.inc({ code: event.error.code, where: 'nbd' });
      logger.warn({ remote: event.remote, code: event.error.code }, event.error.message);
      return;
    case 'connection-closed':
      if (event.error !== undefined) {
        const { code, message } = event.error;
        metrics.errors.inc({ code, where: 'nbd' });
        logger.info({ remote: event.remote, connection: event.connection, code }, message);
      }
      return;
    case 'export-opened':
      logger.info(facts, 'nbd: export opened');
      return;
    case 'option-refused':
    case 'connection-opened':
      logger.debug({ kind, connection: event.connection }, 'nbd');
  }
};
