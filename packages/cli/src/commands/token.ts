import { checkName, RetraceError } from '@retrace/core';
import { type Command, Option } from 'commander';
import {
  type JsonMap,
  mapOf,
  mapsField,
  mapsOf,
  numberField,
  textField,
} from '../client/fields.js';
import type { Io } from '../io.js';
import { openTokens } from '../offline/tokens.js';
import { Output } from '../output/output.js';
import { formatTable } from '../output/table.js';
import { formatInstantTime } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';

const ROLES = ['agent', 'viewer', 'operator', 'admin'] as const;

interface TokenOptions extends ServerOptions {
  /** Work on a data directory that no server uses. */
  readonly data?: string;
}

interface CreateOptions extends TokenOptions {
  readonly role: (typeof ROLES)[number];
  readonly machine?: string;
}

/** What can be done with tokens: by a server, or on its data directory while it is stopped. */
interface Tokens {
  create(role: CreateOptions['role'], machine: string | undefined): Promise<JsonMap>;
  list(): Promise<readonly JsonMap[]>;
  revoke(id: string): Promise<void>;
  close(): Promise<void>;
}

const serverTokens = async (options: TokenOptions, io: Io): Promise<Tokens> => {
  const { api } = await openSession(options, io);
  return {
    create: async (role, machine) =>
      mapOf(
        await api.post('/v1/tokens', { role, ...(machine === undefined ? {} : { machine }) }),
      ) ?? {},
    list: async () => {
      const answer = await api.get('/v1/tokens');
      return Array.isArray(answer) ? mapsOf(answer) : mapsField(mapOf(answer), 'tokens');
    },
    revoke: async (id) => {
      await api.delete(`/v1/tokens/${encodeURIComponent(id)}`);
    },
    close: async () => {},
  };
};

const withTokens = async <T>(
  options: TokenOptions,
  io: Io,
  use: (tokens: Tokens) => Promise<T>,
): Promise<T> => {
  const tokens =
    options.data === undefined ? await serverTokens(options, io) : await openTokens(options.data);
  try {
    return await use(tokens);
  } finally {
    await tokens.close();
  }
};

const createToken = async (options: CreateOptions, io: Io): Promise<void> => {
  const { role, machine } = options;
  if (machine !== undefined) checkName(machine, 'machine name');
  const answer = await withTokens(options, io, (tokens) => tokens.create(role, machine));
  const out = new Output(io, options.json === true);
  await out.remark(
    'The token is shown this once. Keep it in a file of mode 0600 (~/.config/retrace/token).',
  );
  await out.result(answer, () => textField(answer, 'token') ?? '');
};

/** The list for people. */
export const tokensText = (tokens: readonly JsonMap[], nowMs: number): string => {
  if (tokens.length === 0) {
    return 'No tokens yet: everyone on this machine may use the server (retrace token create).';
  }
  const rows = tokens.map((token) => [
    textField(token, 'id') ?? '-',
    textField(token, 'role') ?? '-',
    textField(token, 'machine') || 'all',
    formatInstantTime(numberField(token, 'createdUs'), nowMs),
    formatInstantTime(numberField(token, 'lastUsedUs'), nowMs),
    numberField(token, 'revokedUs') === undefined ? '' : 'revoked',
  ]);
  return formatTable(['ID', 'ROLE', 'MACHINE', 'CREATED', 'LAST USED', ''], rows);
};

const listTokens = async (options: TokenOptions, io: Io): Promise<void> => {
  const tokens = await withTokens(options, io, (opened) => opened.list());
  await new Output(io, options.json === true).result(tokens, () => tokensText(tokens, io.nowMs()));
};

const revokeToken = async (id: string, options: TokenOptions, io: Io): Promise<void> => {
  await withTokens(options, io, (tokens) => tokens.revoke(id));
  const out = new Output(io, options.json === true);
  await out.result({ id, revoked: true }, () => `token ${id} is revoked, its sessions are closed`);
};

const withDataOption = (command: Command, io: Io): Command =>
  withServerOptions(
    command.option('--data <dir>', "work on a stopped server's data directory"),
    io,
  );

/** `retrace token`: who may do what. */
export const tokenCommand = (io: Io): Command => {
  const create = newCommand({
    usage: 'create',
    summary: 'Make a token and print it, once.',
    examples: [
      ['retrace token create --role admin', 'the first one: from then on every request needs one'],
      ['retrace token create --role agent --machine web-01', 'for the agent of one machine'],
      ['retrace token create --role viewer --data /var/lib/retrace', 'while the server is stopped'],
    ],
  })
    .addOption(
      new Option('--role <role>', 'what it allows').choices(ROLES).makeOptionMandatory(true),
    )
    .option('--machine <name>', 'for this machine only')
    .action((options: CreateOptions) => createToken(options, io));
  const list = newCommand({
    usage: 'list',
    summary: 'List the tokens, without their secrets.',
    examples: [['retrace token list --json', 'for a script']],
  }).action((options: TokenOptions) => listTokens(options, io));
  const revoke = newCommand({
    usage: 'revoke <id>',
    summary: 'Revoke a token for good and close its sessions.',
    examples: [['retrace token revoke 0f1e2d3c4b5a', 'the id is the one "token list" shows']],
  }).action((id: string, options: TokenOptions) => revokeToken(id, options, io));
  const token = newCommand({
    usage: 'token',
    summary: 'Make, list and revoke tokens.',
    examples: [['retrace token create --role agent --machine web-01', 'see its own --help']],
  });
  token.enablePositionalOptions();
  for (const child of [create, list, revoke]) token.addCommand(withDataOption(child, io));
  return token.action(() => {
    throw new RetraceError('USAGE', 'which one? token create, token list or token revoke');
  });
};
