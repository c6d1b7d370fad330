import { join, resolve } from 'node:path';
import { checkName, DURABILITIES, type Durability, RetraceError } from '@retrace/core';
import type { NbdAddress } from '@retrace/nbd';
import { parseListenAddress, socketAddress } from './listen-address.js';

/** One volume an agent protects, as it is configured. */
export interface VolumeOption {
  readonly name: string;
  /** Absolute path of the file or block device. */
  readonly path: string;
  /** Undefined: a socket in the state folder. */
  readonly listen: NbdAddress | undefined;
  readonly durability: Durability;
}

/** The parts of a volume as texts: from `--volume`, or from a configuration file. */
export interface VolumeTexts {
  readonly name: string;
  readonly path: string;
  readonly listen?: string | undefined;
  readonly durability?: string | undefined;
}

const GRAMMAR = 'NAME=PATH[,listen=unix:PATH|HOST:PORT][,durability=async|flush|sync]';
const KEYS = ['listen', 'durability'] as const;
const DURABILITY_DEFAULT: Durability = 'flush';

const usage = (text: string, why: string): RetraceError =>
  new RetraceError('USAGE', `--volume "${text}": ${why}; write ${GRAMMAR}`);

const parseDurability = (text: string, what: string): Durability => {
  const found = DURABILITIES.find((durability) => durability === text);
  if (found !== undefined) return found;
  throw new RetraceError(
    'USAGE',
    `${what}: there is no durability "${text}"; it is one of ${DURABILITIES.join(', ')}`,
  );
};

/**
 * Checks the parts of a volume.
 * @throws RetraceError USAGE, NAME_INVALID
 */
export const checkVolume = (texts: VolumeTexts): VolumeOption => {
  const name = checkName(texts.name, 'volume name');
  const what = `volume ${name}`;
  const { listen, durability } = texts;
  if (texts.path === '') throw new RetraceError('USAGE', `${what} has no path`);
  return {
    name,
    path: resolve(texts.path),
    listen: listen === undefined ? undefined : parseListenAddress(listen, what),
    durability: durability === undefined ? DURABILITY_DEFAULT : parseDurability(durability, what),
  };
};

/**
 * Parses `NAME=PATH[,listen=...][,durability=...]`. The path may hold `=`, and commas that no
 * `KEY=` follows.
 * @throws RetraceError USAGE, NAME_INVALID
 */
export const parseVolumeOption = (text: string): VolumeOption => {
  const equals = text.indexOf('=');
  if (equals < 0) throw usage(text, 'there is no "="');
  const parts = text.slice(equals + 1).split(/,(?=[a-z]+=)/);
  const given = new Map<string, string>();
  for (const part of parts.slice(1)) {
    const at = part.indexOf('=');
    const key = part.slice(0, at);
    if (!KEYS.some((known) => known === key)) throw usage(text, `there is no option "${key}"`);
    if (given.has(key)) throw usage(text, `"${key}" is given twice`);
    given.set(key, part.slice(at + 1));
  }
  return checkVolume({
    name: text.slice(0, equals),
    path: parts[0] ?? '',
    listen: given.get('listen'),
    durability: given.get('durability'),
  });
};

/**
 * The volumes with an address each: `unix:STATE/NAME.sock` where nothing else is said.
 * @throws RetraceError USAGE for none, two of one name, or a socket's path that is too long
 */
export const completeVolumes = (
  volumes: readonly VolumeOption[],
  stateDir: string,
): readonly (VolumeOption & { readonly listen: NbdAddress })[] => {
  if (volumes.length === 0) throw new RetraceError('USAGE', `--volume is missing: ${GRAMMAR}`);
  const names = volumes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new RetraceError('USAGE', `volume ${twice} is given twice`);
  return volumes.map((volume) => ({
    ...volume,
    listen:
      volume.listen ??
      socketAddress(join(stateDir, `${volume.name}.sock`), `volume ${volume.name}`),
  }));
};
