import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { RetraceError, systemErrorCode } from '@retrace/core';
import type { Io } from '../io.js';

/** Where a token may come from, by the options of a command. */
export interface TokenOptions {
  readonly token?: string;
  readonly tokenFile?: string;
}

/** Bits of a file's mode that let others than its owner read or change it. */
const MODE_OF_OTHERS = 0o077;
const TOKEN_BYTES_MAX = 4096;

/** The token file that is looked at when nothing else is said. */
export const defaultTokenFile = (io: Pick<Io, 'env' | 'home'>): string => {
  const config = io.env.XDG_CONFIG_HOME;
  const folder = config === undefined || config === '' ? join(io.home, '.config') : config;
  return join(folder, 'retrace', 'token');
};

/** True when a file's mode lets others than its owner at it. */
export const isModeTooWide = (mode: number): boolean => (mode & MODE_OF_OTHERS) !== 0;

const checkMode = async (file: FileHandle, path: string): Promise<void> => {
  const { mode } = await file.stat();
  if (!isModeTooWide(mode)) return;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  throw new RetraceError(
    'CONFIG_INVALID',
    `the token file ${path} is open to others (mode ${octal}): run "chmod 600 ${path}"`,
  );
};

/**
 * Reads a token file. A file that others can read or change is refused.
 * @returns undefined when there is no such file
 * @throws RetraceError CONFIG_INVALID
 */
export const readTokenFile = async (path: string): Promise<string | undefined> => {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    const why = systemErrorCode(cause) ?? String(cause);
    throw new RetraceError('CONFIG_INVALID', `the token file ${path} cannot be read: ${why}`, {
      cause,
    });
  }
  try {
    await checkMode(file, path);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(TOKEN_BYTES_MAX), 0);
    const token = buffer.toString('utf8', 0, bytesRead).trim();
    if (/^[\x21-\x7e]+$/.test(token)) return token;
    throw new RetraceError('CONFIG_INVALID', `the token file ${path} does not hold one token`);
  } finally {
    await file.close();
  }
};

/**
 * The token to use: `--token`, `--token-file`, RETRACE_TOKEN, then the token file in the user's
 * configuration folder.
 * @returns undefined when there is none: the server may not want one
 * @throws RetraceError CONFIG_INVALID
 */
export const findToken = async (
  options: TokenOptions,
  io: Pick<Io, 'env' | 'home'>,
): Promise<string | undefined> => {
  if (options.token !== undefined) return options.token;
  if (options.tokenFile !== undefined) {
    const token = await readTokenFile(options.tokenFile);
    if (token !== undefined) return token;
    throw new RetraceError('CONFIG_INVALID', `there is no token file ${options.tokenFile}`);
  }
  const fromEnvironment = io.env.RETRACE_TOKEN;
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  return readTokenFile(defaultTokenFile(io));
};
