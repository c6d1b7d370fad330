import { resolve } from 'node:path';
import { limitMallocArenas, RetraceError } from '@retrace/core';
import type { Command } from 'commander';
import { parseByteCount } from '../config/byte-count.js';
import { ConfigFile } from '../config/config-file.js';
import { formatAddress, parseHostPort, parseListenAddress } from '../config/listen-address.js';
import type { Io } from '../io.js';
import { Output } from '../output/output.js';
import { VERSION } from '../version.js';
import { type CommonOptions, collect, newCommand } from './command.js';
import { runUntilStopped } from './stop.js';

interface ServerCommandOptions extends CommonOptions {
  readonly data?: string;
  readonly listen?: string;
  readonly nbd?: readonly string[];
  readonly config?: string;
}

const LISTEN_DEFAULT = '127.0.0.1:7400';
const NBD_DEFAULT = '127.0.0.1:10809';
const CONFIG_KEYS = ['data', 'listen', 'nbd', 'segmentBytes', 'sealBytes'];
/** Sealing threads come and go. */
const MALLOC_ARENAS_MAX = 2;
const SEGMENT_BYTES_MIN = 64 * 1024;
const SEGMENT_BYTES_MAX = 1024 ** 3;

/** What a server is started with, checked. */
const settingsOf = async (options: ServerCommandOptions) => {
  const { config } = options;
  const file = config === undefined ? undefined : await ConfigFile.read(config, CONFIG_KEYS);
  const data = options.data ?? file?.text('data');
  if (data === undefined) {
    throw new RetraceError('USAGE', '--data DIR is missing: the folder that holds the journal');
  }
  const listen = options.listen ?? file?.text('listen') ?? LISTEN_DEFAULT;
  const nbd = options.nbd ?? [file?.text('nbd') ?? NBD_DEFAULT];
  return {
    dataDir: resolve(data),
    listen: formatAddress(parseHostPort(listen, '--listen')),
    nbd: nbd.map((text) => formatAddress(parseListenAddress(text, '--nbd'))),
    ...sizesOf(file),
  };
};

/** How large the log's segments grow, and how much of them waits before it is sealed. */
const sizesOf = (file: ConfigFile | undefined) => {
  const bytesOf = (key: string, min: number): number | undefined => {
    const text = file?.text(key);
    if (text === undefined) return undefined;
    const bytes = parseByteCount(text, key);
    if (bytes >= min && bytes <= SEGMENT_BYTES_MAX) return bytes;
    throw new RetraceError('CONFIG_INVALID', `"${key}" must be ${min} to ${SEGMENT_BYTES_MAX}`);
  };
  const segmentBytesMax = bytesOf('segmentBytes', SEGMENT_BYTES_MIN);
  const sealBytesMin = bytesOf('sealBytes', 1);
  return {
    ...(segmentBytesMax === undefined ? {} : { logLimits: { segmentBytesMax } }),
    ...(sealBytesMin === undefined ? {} : { sealLimits: { sealBytesMin } }),
  };
};

const run = async (options: ServerCommandOptions, io: Io): Promise<void> => {
  const settings = await settingsOf(options);
  // Loaded only here: the other commands start without them.
  const { createLogger } = await import('../output/log.js');
  const { startServer } = await import('@retrace/server');
  const log = createLogger('server', io.env);
  if (!limitMallocArenas(MALLOC_ARENAS_MAX)) log.info('the arenas of malloc cannot be bounded');
  const server = await startServer({ ...settings, logger: log, version: VERSION });
  const out = new Output(io, true);
  const [nbd] = server.nbdUris;
  await out.event({ event: 'ready', http: server.httpUrl, nbd });
  await runUntilStopped({
    io,
    stop: () => server.close(),
    onSignal: (signal, isSecond) => {
      if (isSecond) log.warn({ signal }, 'second signal: ending at once');
      else log.info({ signal }, 'stopping');
    },
  });
};

/** `retrace server`: the journal server, until it is asked to stop. */
export const serverCommand = (io: Io): Command =>
  newCommand({
    usage: 'server',
    summary: 'Run the journal server.',
    examples: [
      ['retrace server --data /var/lib/retrace', 'on the usual ports, for this machine'],
      ['retrace server --data ./data --listen 127.0.0.1:0 --nbd unix:./nbd.sock', 'elsewhere'],
    ],
    notes:
      'Prints {"event":"ready","http":...,"nbd":...} on stdout when it can be used; logs are\n' +
      'JSON lines on stderr (RETRACE_LOG=debug for more). SIGTERM or Ctrl-C stops it cleanly, a\n' +
      'second one at once. The configuration is a JSON object with the keys data, listen and\n' +
      'nbd (options go before them), segmentBytes ("256M": how large a segment of the log\n' +
      'grows) and sealBytes ("64M": how much of closed segments waits before it becomes a layer).',
  })
    .option('--data <dir>', 'the folder that holds the journal; made where it is missing')
    .option('--listen <host:port>', `HTTP and agents (default: ${LISTEN_DEFAULT})`)
    .option(
      '--nbd <address>',
      `NBD: HOST:PORT or unix:PATH, repeatable (default: ${NBD_DEFAULT})`,
      collect,
    )
    .option('--config <file>', 'JSON file with the same settings')
    .action((options: ServerCommandOptions) => run(options, io));
