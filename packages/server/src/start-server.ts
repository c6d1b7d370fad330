import { join } from 'node:path';
import { type Clock, RetraceError, systemClock, systemErrorCode } from '@retrace/core';
import { Journal, type JournalLimits, type JournalOptions } from '@retrace/journal';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { ServerLimits } from './limits.js';
import {
  formatHostPort,
  parseHostPort,
  parseListenAddress,
  requireLocal,
} from './listen/address.js';
import { NbdServers } from './nbd/nbd-servers.js';
import { buildServer, type RetraceServer } from './server.js';
import { verifyWith } from './verify.js';

export interface StartOptions {
  /** The journal's folder; made when it is not there. */
  readonly dataDir: string;
  /** `HOST:PORT` of the HTTP API and the agents; port 0: any free one. */
  readonly listen: string;
  /** `HOST:PORT` or `unix:PATH` of each NBD server. */
  readonly nbd: readonly string[];
  readonly logger: Logger;
  readonly version: string;
  readonly clock?: Clock;
  readonly limits?: Partial<ServerLimits>;
  readonly journalLimits?: Partial<JournalLimits>;
  /** When the log's segments end, and when they are sealed. */
  readonly logLimits?: JournalOptions['logLimits'];
  readonly sealLimits?: JournalOptions['sealLimits'];
}

/** A server that listens. */
export interface StartedServer {
  /** With the port it really has: `http://127.0.0.1:7400`. */
  readonly httpUrl: string;
  /** `nbd://127.0.0.1:10809` or `nbd+unix:///?socket=PATH`, in the order of the options. */
  readonly nbdUris: readonly string[];
  readonly server: RetraceServer;
  readonly journal: Journal;
  /** Stops everything in order; the journal writes its closing commit last. */
  close(): Promise<void>;
}

/** Scratch files of NBD exports lie here, in the data directory. */
export const SCRATCH_FOLDER = 'scratch';

const NBD_CLOSE_TIMEOUT_MS = 5000;

/**
 * Opens the journal and serves it.
 * @throws RetraceError CONFIG_INVALID, LISTEN_REFUSED, PORT_IN_USE, and as Journal.open
 */
export const startServer = async (options: StartOptions): Promise<StartedServer> => {
  const { logger, dataDir } = options;
  const clock = options.clock ?? systemClock;
  const http = parseHostPort(options.listen, '--listen');
  const addresses = options.nbd.map((text) => parseListenAddress(text, '--nbd'));
  requireLocal(http, 'HTTP');
  for (const address of addresses) requireLocal(address, 'NBD');
  const { journalLimits } = options;
  const journal = await Journal.open({
    ...{ dataDir, clock, logger },
    ...(journalLimits === undefined ? {} : { limits: journalLimits }),
    ...{ logLimits: options.logLimits, sealLimits: options.sealLimits, sealing: 'worker' },
  });
  const closers: (() => Promise<void>)[] = [() => journal.close()];
  const close = async (): Promise<void> => {
    for (const step of closers.splice(0).reverse()) await step();
  };
  try {
    const server = buildServer({
      ...{ journal, clock, logger, dataDir, version: options.version },
      verify: verifyWith(journal),
      scratchDir: join(dataDir, SCRATCH_FOLDER),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    closers.push(() => server.close());
    await server.prepare();
    const { exports: provider, metrics, turns } = server;
    const nbd = await NbdServers.listen({ addresses, provider, turns, metrics, logger });
    closers.push(() => nbd.close(NBD_CLOSE_TIMEOUT_MS));
    server.announceNbd(nbd.uris);
    const httpUrl = await listen(server.app, http);
    sayOpen(server, logger, httpUrl);
    return { httpUrl, nbdUris: nbd.uris, server, journal, close };
  } catch (error) {
    await close();
    throw error;
  }
};

const listen = async (
  app: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> => {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RetraceError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${reason}`);
    }
    throw new RetraceError(
      'PORT_IN_USE',
      `another program listens on ${formatHostPort(host, port)}: stop it, or choose another ` +
        'address with --listen HOST:PORT (port 0 takes any free one)',
      { cause: error, details: { host, port } },
    );
  }
  const address = app.server.address();
  const real = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${formatHostPort(host, real)}`;
};

const sayOpen = ({ tokens }: RetraceServer, logger: Logger, httpUrl: string): void => {
  if (tokens.required) {
    logger.info({ httpUrl }, 'listening');
    return;
  }
  logger.warn(
    { httpUrl },
    'listening without tokens: whoever reaches this address may do everything; it is loopback ' +
      'only, and "retrace token create" ends this',
  );
};
