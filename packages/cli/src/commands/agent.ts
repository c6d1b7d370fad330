import { resolve } from 'node:path';
import type { StopResult } from '@retrace/agent';
import { checkName, RetraceError } from '@retrace/core';
import type { Command } from 'commander';
import { DEFAULT_SERVER_URL, parseServerUrl } from '../client/server-url.js';
import { findToken, type TokenOptions } from '../client/token.js';
import { ConfigFile } from '../config/config-file.js';
import { formatAddress } from '../config/listen-address.js';
import {
  checkVolume,
  completeVolumes,
  parseVolumeOption,
  type VolumeOption,
} from '../config/volume-option.js';
import type { Io } from '../io.js';
import { Output } from '../output/output.js';
import { VERSION } from '../version.js';
import { type CommonOptions, collect, newCommand } from './command.js';
import { runUntilStopped } from './stop.js';

interface AgentCommandOptions extends CommonOptions, TokenOptions {
  readonly server?: string;
  readonly machine?: string;
  readonly state?: string;
  readonly config?: string;
  readonly volume?: readonly string[];
  readonly takeOver?: boolean;
  /** True for all volumes, else their names. */
  readonly resync?: true | readonly string[];
}

const CONFIG_KEYS = ['server', 'machine', 'state', 'tokenFile', 'volumes'];
const VOLUME_KEYS = ['name', 'path', 'listen', 'durability'];

const need = (value: string | undefined, what: string): string => {
  if (value !== undefined) return value;
  throw new RetraceError('USAGE', `${what} is missing`);
};

const volumesOf = (
  options: AgentCommandOptions,
  file: ConfigFile | undefined,
): readonly VolumeOption[] => {
  if (options.volume !== undefined) return options.volume.map(parseVolumeOption);
  const entries = file?.list('volumes', VOLUME_KEYS) ?? [];
  return entries.map((entry) =>
    checkVolume({
      name: entry.text('name') ?? '',
      path: entry.text('path') ?? '',
      listen: entry.text('listen'),
      durability: entry.text('durability'),
    }),
  );
};

/** The volumes to copy again, whatever is known of them. */
const resyncOf = (
  resync: AgentCommandOptions['resync'],
  volumes: readonly VolumeOption[],
): readonly string[] => {
  if (resync === undefined) return [];
  const names = volumes.map(({ name }) => name);
  if (resync === true) return names;
  const unknown = resync.find((name) => !names.includes(name));
  if (unknown === undefined) return resync;
  throw new RetraceError('USAGE', `--resync: this agent has no volume ${unknown}`);
};

/** What an agent is started with, checked. */
const settingsOf = async (options: AgentCommandOptions, io: Io) => {
  const { config } = options;
  const file = config === undefined ? undefined : await ConfigFile.read(config, CONFIG_KEYS);
  const server =
    options.server ?? file?.text('server') ?? (io.env.RETRACE_SERVER || DEFAULT_SERVER_URL);
  const machine = need(options.machine ?? file?.text('machine'), '--machine NAME');
  const stateDir = resolve(need(options.state ?? file?.text('state'), '--state DIR'));
  const volumes = volumesOf(options, file);
  const tokenFile = options.tokenFile ?? file?.text('tokenFile');
  const token = await findToken(
    { ...options, ...(tokenFile === undefined ? {} : { tokenFile }) },
    io,
  );
  return {
    server: parseServerUrl(server).href,
    machine: checkName(machine, 'machine name'),
    stateDir,
    volumes: completeVolumes(volumes, stateDir).map((volume) => ({
      ...volume,
      listen: formatAddress(volume.listen),
    })),
    resync: resyncOf(options.resync, volumes),
    takeOver: options.takeOver === true,
    ...(token === undefined ? {} : { token }),
  };
};

/** Says how the volumes were left: as an event, and for people what must be copied again. */
const tellStop = async (result: StopResult, out: Output): Promise<void> => {
  await out.event({ event: 'stopped', ...result });
  for (const { volume, clean, reason } of result.volumes) {
    if (clean) continue;
    await out.warning(`retrace: ${volume} is copied again at the next start: ${reason}`);
  }
};

const run = async (options: AgentCommandOptions, io: Io): Promise<void> => {
  const settings = await settingsOf(options, io);
  const out = new Output(io, true);
  const onEvent = (event: object): void => void out.event(event);
  // Loaded only here: the other commands start without them.
  const { createLogger } = await import('../output/log.js');
  const { startAgent } = await import('@retrace/agent');
  const log = createLogger('agent', io.env);
  const software = `retrace ${VERSION}`;
  const agent = await startAgent({ ...settings, software, logger: log, onEvent });
  await runUntilStopped({
    io,
    stop: async () => tellStop(await agent.stop(), out),
    onSignal: (signal, isSecond) => {
      if (isSecond) log.warn({ signal }, 'second signal: ending at once, volumes will be copied');
      else log.info({ signal }, 'stopping');
    },
  });
};

/** `retrace agent`: protects volumes, until it is asked to stop. */
export const agentCommand = (io: Io): Command =>
  newCommand({
    usage: 'agent',
    summary: 'Protect volumes: serve them over NBD and stream every write to the journal server.',
    examples: [
      [
        'retrace agent --machine web-01 --state /var/lib/retrace-agent --volume root=/srv/root.img',
        'one disk image; attach to unix:STATE/root.sock',
      ],
      [
        'retrace agent --machine db-01 --state /state --volume data=/dev/vdb --volume wal=/dev/vdc',
        'two devices, one write order',
      ],
      [
        'retrace agent ... --volume root=/dev/vda,listen=127.0.0.1:10810,durability=async',
        'another address, and no waiting for the journal',
      ],
    ],
    notes:
      'Prints {"event":"ready",...} on stdout for each volume as soon as a client can attach,\n' +
      '{"event":"state",...} at each change, {"event":"stopped",...} at its end; logs are JSON\n' +
      'lines on stderr. SIGTERM or Ctrl-C stops it cleanly; it waits 10 s for the journal.\n' +
      'The configuration is a JSON object with the keys server, machine, state, tokenFile and\n' +
      'volumes: [{name, path, listen, durability}]; options go before it.',
  })
    .option('--server <url>', `the journal server (or RETRACE_SERVER; ${DEFAULT_SERVER_URL})`)
    .option('--token <token>', 'token for the server (or RETRACE_TOKEN)')
    .option('--token-file <file>', 'file with the token, mode 0600 (~/.config/retrace/token)')
    .option('--machine <name>', 'the name of this machine')
    .option('--state <dir>', 'folder of the agent, on storage it does not protect')
    .option('--volume <name=path>', 'volume to protect, repeatable; see above', collect)
    .option('--take-over', 'take the group from the agent that holds it now')
    .option('--resync [name...]', 'copy these volumes (or all) again as a whole')
    .option('--config <file>', 'JSON file with the same settings')
    .action((options: AgentCommandOptions) => run(options, io));
