import { existsSync } from 'node:fs';
import { installHint, type ProgramFinder } from '../system/programs.js';
import { type Finding, fail, ok, warn } from './finding.js';

const NODE_MIN = [20, 11] as const;

/** @param version - as `process.versions.node` has it */
export const checkNode = (version: string): Finding => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (isEnough) return ok('node', `Node ${version}`);
  return fail('node', `Node ${version}`, `install Node ${NODE_MIN.join('.')} or newer`);
};

/** What the kernel offers. */
export interface Kernel {
  readonly hasFuse: boolean;
  readonly hasLoop: boolean;
  readonly hasNbd: boolean;
}

export const readKernel = (): Kernel => ({
  hasFuse: existsSync('/dev/fuse'),
  hasLoop: existsSync('/dev/loop-control'),
  hasNbd: existsSync('/sys/module/nbd'),
});

const missing = (names: readonly string[], has: ProgramFinder): readonly string[] =>
  names.filter((name) => has(name) === undefined);

const hints = (names: readonly string[]): string => names.map(installHint).join('; ');

/** The ways in which an instant can be attached as a block device. */
export const checkAttaching = (kernel: Kernel, has: ProgramFinder): readonly Finding[] => {
  const fuse = kernel.hasFuse && kernel.hasLoop && has('nbdfuse') !== undefined;
  const nbd = kernel.hasNbd && has('nbd-client') !== undefined;
  const fuseText = `FUSE ${kernel.hasFuse ? 'yes' : 'no'}, loop ${kernel.hasLoop ? 'yes' : 'no'}`;
  const nbdText = `nbd ${kernel.hasNbd ? 'yes' : 'no (not loaded)'}`;
  const text = `kernel: ${fuseText}, ${nbdText}`;
  if (nbd) return [ok('mount', `${text}; the kernel's nbd is used`)];
  if (fuse) return [ok('mount', `${text}; nbdfuse and a loop device are used`)];
  const advice = kernel.hasFuse
    ? hints(missing(['nbdfuse'], has)) || 'modprobe loop, or modprobe nbd'
    : 'modprobe nbd and apt-get install nbd-client; or give this machine /dev/fuse';
  return [warn('mount', `${text}: "retrace mount" cannot work`, advice)];
};

/** Programs that single commands need. */
export const checkPrograms = (has: ProgramFinder): readonly Finding[] => {
  const absent = missing(['mount', 'umount', 'blkid', 'partx', 'losetup'], has);
  const mounting =
    absent.length === 0
      ? ok('programs', 'mount, umount, blkid, partx and losetup are there')
      : warn(
          'programs',
          `missing: ${absent.join(', ')}; "retrace mount" needs them`,
          hints(absent),
        );
  if (has('qemu-img') !== undefined)
    return [mounting, ok('qemu-img', 'qcow2 images can be exported')];
  const advice = `${installHint('qemu-img')}, if you want them`;
  return [mounting, warn('qemu-img', 'missing: no export to qcow2', advice)];
};
