import { Command, Option } from 'commander';
import { ApiClient } from '../client/api-client.js';
import { DEFAULT_SERVER_URL, parseServerUrl } from '../client/server-url.js';
import { findToken, type TokenOptions } from '../client/token.js';
import type { Io } from '../io.js';
import { Output } from '../output/output.js';

/** What every command has. */
export interface CommonOptions {
  readonly json?: boolean;
}

/** What every command that talks to a server has. */
export interface ServerOptions extends CommonOptions, TokenOptions {
  readonly server: string;
}

/** A command as `--help` shows it. */
export interface CommandSpec {
  /** Name and arguments, as commander writes them: `resolve <target>`. */
  readonly usage: string;
  /** One sentence. */
  readonly summary: string;
  /** Command lines that work, with what they do. At least one. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** More to know, after the examples. */
  readonly notes?: string;
}

const examplesText = ({ examples, notes }: CommandSpec): string => {
  const lines = examples.map(([line, what]) => `  ${line}\n      ${what}`);
  const more = notes === undefined ? '' : `\n\n${notes}`;
  return `\nExamples:\n${lines.join('\n')}${more}`;
};

/** A command with `--json`, help and examples. */
export const newCommand = (spec: CommandSpec): Command => {
  const [name, ...args] = spec.usage.split(' ');
  const command = new Command(name)
    .description(spec.summary)
    .option('--json', 'print JSON for programs')
    .showHelpAfterError(false)
    .allowExcessArguments(false)
    .addHelpText('after', examplesText(spec));
  for (const argument of args) command.argument(argument);
  return command;
};

/** Gathers the values of an option that may be repeated. */
export const collect = (
  value: string,
  previous: readonly string[] | undefined,
): readonly string[] => [...(previous ?? []), value];

/** Adds `--server`, `--token` and `--token-file`. */
export const withServerOptions = (command: Command, io: Pick<Io, 'env'>): Command =>
  command
    .addOption(
      new Option('--server <url>', 'the journal server (or RETRACE_SERVER)').default(
        io.env.RETRACE_SERVER || DEFAULT_SERVER_URL,
      ),
    )
    .option('--token <token>', 'token for the server (or RETRACE_TOKEN)')
    .option('--token-file <file>', 'file with the token, mode 0600 (~/.config/retrace/token)');

/** What a command works with: its output and the server's API. */
export interface Session {
  readonly out: Output;
  readonly api: ApiClient;
}

/**
 * Opens what a command that talks to a server needs. Nothing is sent yet.
 * @throws RetraceError USAGE for a bad address, CONFIG_INVALID for a bad token file
 */
export const openSession = async (options: ServerOptions, io: Io): Promise<Session> => {
  const url = parseServerUrl(options.server);
  const token = await findToken(options, io);
  return {
    out: new Output(io, options.json === true),
    api: new ApiClient({ url, ...(token === undefined ? {} : { token }) }),
  };
};
