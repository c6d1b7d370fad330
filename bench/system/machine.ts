import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

/** The machine a run was made on; nothing that names whose it is. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly kernel: string;
  readonly memoryBytes: number;
  readonly node: string;
  readonly filesystem: string;
  readonly fio: string;
  readonly nbdkit: string;
  readonly qemu: string;
}

/** @param dir - the folder of the measurements, whose filesystem is named */
export function describeMachine(dir: string): Machine {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    kernel: release(),
    memoryBytes: totalmem(),
    node: process.version,
    filesystem: lastLine('df', ['--output=fstype', dir]),
    fio: firstLine('fio', ['--version']),
    nbdkit: firstLine('nbdkit', ['--version']),
    qemu: firstLine('qemu-storage-daemon', ['--version']),
  };
}

/** The commit of the checkout, with `+changes` where files differ from it. */
export function describeCommit(root: string): string {
  const commit = firstLine('git', ['-C', root, 'rev-parse', '--short=12', 'HEAD']);
  const changes = firstLine('git', ['-C', root, 'status', '--porcelain']);
  return changes === '' || commit === 'none' ? commit : `${commit}+changes`;
}

function firstLine(command: string, args: readonly string[]): string {
  return linesOf(command, args)[0] ?? '';
}

function lastLine(command: string, args: readonly string[]): string {
  return linesOf(command, args).at(-1) ?? '';
}

/** What a program prints; one line `none` where it cannot be run. */
function linesOf(command: string, args: readonly string[]): readonly string[] {
  try {
    const output = execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return output
      .trim()
      .split('\n')
      .map((text) => text.trim());
  } catch {
    return ['none'];
  }
}
