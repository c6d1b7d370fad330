import { spawn, spawnSync } from 'node:child_process';

const REQUIRED = process.env.RETRACE_REQUIRE_DEBIAN === '1';

/**
 * Whether a program of Debian's is installed. With RETRACE_REQUIRE_DEBIAN=1 a missing one is an
 * error and not a reason to skip.
 */
export function have(program: string): boolean {
  const arguments_ = program === 'nbdsh' ? ['-c', 'import nbd'] : ['--version'];
  const command = program === 'nbdsh' ? '/usr/bin/python3' : program;
  const found = spawnSync(command, arguments_, { stdio: 'ignore' }).status === 0;
  if (!found && REQUIRED) throw new Error(`${program} is not installed`);
  return found;
}

/** Runs a program to its end without blocking the server in this process. */
export function run(
  command: string,
  ...arguments_: readonly string[]
): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, arguments_, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      output += text.toString();
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}
