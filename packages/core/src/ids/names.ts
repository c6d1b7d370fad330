import { RetraceError } from '../errors/retrace-error.js';

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const NAME_RULE = 'a lower-case letter or digit, then up to 62 of a-z 0-9 . _ -';
const RESERVED_PREFIXES = ['clone:', 'scratch:'];

/** A protected volume by its full name, `MACHINE/NAME`. */
export interface VolumeName {
  readonly kind: 'volume';
  readonly machine: string;
  readonly name: string;
}

/** A clone, `clone:NAME`. */
export interface CloneName {
  readonly kind: 'clone';
  readonly name: string;
}

/** A consistency group; a machine's name unless configured otherwise. */
export interface GroupName {
  readonly kind: 'group';
  readonly name: string;
}

export type VolumeRef = VolumeName | CloneName;
export type TargetRef = VolumeRef | GroupName;

/** True for a valid machine, volume, bookmark or clone name. */
export const isName = (text: string): boolean => NAME.test(text);

/**
 * Returns `text` when it is a valid name.
 * @param what - what the name is for, as the error shall call it ("machine name")
 * @throws RetraceError NAME_INVALID
 */
export const checkName = (text: string, what: string): string => {
  if (!isName(text)) {
    throw new RetraceError('NAME_INVALID', `"${text}" is not a ${what}: use ${NAME_RULE}`);
  }
  return text;
};

/** Text of a reference as the grammar of the command line has it. */
export const formatTarget = (target: TargetRef): string => {
  switch (target.kind) {
    case 'volume':
      return `${target.machine}/${target.name}`;
    case 'clone':
      return `clone:${target.name}`;
    case 'group':
      return target.name;
  }
};

/**
 * Parses `MACHINE/NAME`, `clone:NAME` or `GROUP`.
 * @throws RetraceError NAME_INVALID
 */
export const parseTarget = (text: string): TargetRef => {
  if (text.startsWith('clone:')) {
    return { kind: 'clone', name: checkName(text.slice('clone:'.length), 'clone name') };
  }
  if (RESERVED_PREFIXES.some((prefix) => text.startsWith(prefix))) {
    throw new RetraceError('NAME_INVALID', `"${text}": ${text.split(':')[0]}: is reserved`);
  }
  const slash = text.indexOf('/');
  if (slash < 0) return { kind: 'group', name: checkName(text, 'group name') };
  return {
    kind: 'volume',
    machine: checkName(text.slice(0, slash), 'machine name'),
    name: checkName(text.slice(slash + 1), 'volume name'),
  };
};

/**
 * Parses a volume: `MACHINE/NAME` or `clone:NAME`.
 * @throws RetraceError NAME_INVALID, also for a group's name
 */
export const parseVolumeRef = (text: string): VolumeRef => {
  const target = parseTarget(text);
  if (target.kind === 'group') {
    throw new RetraceError(
      'NAME_INVALID',
      `"${text}" names a group, not a volume: write MACHINE/NAME, for example ${text}/root`,
    );
  }
  return target;
};
