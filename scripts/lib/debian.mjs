import { execFileSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './run.mjs';

/** The Debian package of each program that the suites use. */
export const PACKAGE_OF_PROGRAM = Object.freeze({
  nbdinfo: 'libnbd-bin',
  nbdcopy: 'libnbd-bin',
  nbddump: 'libnbd-bin',
  nbdfuse: 'libnbd-bin',
  nbdsh: 'python3-libnbd',
  'qemu-img': 'qemu-utils',
  'qemu-io': 'qemu-utils',
  'qemu-nbd': 'qemu-utils',
  'qemu-storage-daemon': 'qemu-system-common',
  nbdkit: 'nbdkit',
  fio: 'fio',
  'mkfs.ext4': 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  'nbd-server': 'nbd-server',
  'nbd-client': 'nbd-client',
  fusermount3: 'fuse3',
  fsfreeze: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  losetup: 'mount',
  'mkfs.xfs': 'xfsprogs',
  xfs_repair: 'xfsprogs',
  strace: 'strace',
});

/** What the machine itself must allow, and what to do where it does not. */
export const REMEDY_OF_CAPABILITY = Object.freeze({
  root: 'run the tests as root',
  fuse: 'give the tests /dev/fuse (in a container: --device /dev/fuse --cap-add SYS_ADMIN)',
  loop: 'give the tests loop devices (in a container: --privileged)',
});

/**
 * A program of {@link PACKAGE_OF_PROGRAM} or a capability of {@link REMEDY_OF_CAPABILITY}.
 *
 * @typedef {keyof typeof PACKAGE_OF_PROGRAM | keyof typeof REMEDY_OF_CAPABILITY} Requirement
 */

/** Debian keeps half of these in sbin, which is not in the PATH of ordinary users. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * A PATH in which the programs above are found.
 *
 * @returns {string}
 */
export function programPath() {
  return [process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin', ...SYSTEM_FOLDERS].join(delimiter);
}

/**
 * @param {string} program
 * @returns {boolean}
 */
function isExecutable(program) {
  return programPath()
    .split(delimiter)
    .some((folder) => {
      try {
        accessSync(join(folder, program), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * @param {string} device
 * @returns {boolean}
 */
function canOpen(device) {
  try {
    closeSync(openSync(device, 'r+'));
    return true;
  } catch {
    return false;
  }
}

/** @returns {boolean} */
function hasLoopDevices() {
  if (!canOpen('/dev/loop-control')) return false;
  try {
    execFileSync('losetup', ['--find'], {
      env: { ...process.env, PATH: programPath() },
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

/** @type {Record<keyof typeof REMEDY_OF_CAPABILITY, () => boolean>} */
const CAPABILITY_CHECKS = {
  root: () => process.getuid?.() === 0,
  fuse: () => canOpen('/dev/fuse'),
  loop: hasLoopDevices,
};

/**
 * @param {Requirement} requirement
 * @returns {boolean}
 */
export function isAvailable(requirement) {
  if (requirement in CAPABILITY_CHECKS) {
    return CAPABILITY_CHECKS[/** @type {keyof typeof REMEDY_OF_CAPABILITY} */ (requirement)]();
  }
  return isExecutable(requirement);
}

/**
 * How to come by something that is missing: one line for a person.
 *
 * @param {string} requirement
 * @returns {string}
 */
export function remedyOf(requirement) {
  /** @type {Readonly<Record<string, string>>} */
  const remedies = REMEDY_OF_CAPABILITY;
  /** @type {Readonly<Record<string, string>>} */
  const packages = PACKAGE_OF_PROGRAM;
  const name = packages[requirement];
  return name === undefined
    ? (remedies[requirement] ?? `install ${requirement}`)
    : `sudo apt-get install --no-install-recommends ${name}`;
}

/**
 * The Debian packages of the programs that are not there, each once.
 *
 * @param {(program: string) => boolean} [isThere]
 * @returns {string[]}
 */
export function missingPackages(isThere = isExecutable) {
  const missing = Object.entries(PACKAGE_OF_PROGRAM).filter(([program]) => !isThere(program));
  return [...new Set(missing.map(([, name]) => name))];
}

/**
 * Installs what is missing where that can be done: as root, on a Debian. What could not be
 * installed is no failure here: the suites that need it say so.
 *
 * @returns {Promise<import('./run.mjs').StepResult>}
 */
export async function installDebianPackages() {
  const missing = missingPackages();
  if (missing.length === 0) return { ok: true, isSkipped: true };
  if (process.getuid?.() !== 0 || !isExecutable('apt-get')) {
    return { ok: true, isSkipped: true, note: `not root: missing ${missing.join(' ')}` };
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], env);
  const options = ['install', '-qq', '-y', '--no-install-recommends'];
  const all = await run('apt-get', [...options, ...missing], env);
  if (all.ok) return all;
  // One package that this release does not have must not keep the others out.
  for (const name of missing) await run('apt-get', [...options, name], env);
  const left = missingPackages();
  if (left.length === 0) return { ok: true };
  return { ok: true, note: `could not install ${left.join(' ')}` };
}
