import { describe, expect, it } from 'vitest';
import { readArguments } from '../../scripts/lib/arguments.mjs';
import { isAvailable, missingPackages, remedyOf } from '../../scripts/lib/debian.mjs';
import { isSameTree } from '../../scripts/lib/install.mjs';
import { nodeVersionProblem } from '../../scripts/lib/node-version.mjs';
import { Phases } from '../../scripts/lib/phases.mjs';
import { run } from '../../scripts/lib/run.mjs';

describe('the Node version', () => {
  it.each(['20.11.0', '20.20.2', '22.0.0', '100.1.0'])('%s is new enough', (version) => {
    expect(nodeVersionProblem(version)).toBeUndefined();
  });

  it.each(['20.10.9', '18.20.0', '8.0.0'])('%s is too old, and told so', (version) => {
    expect(nodeVersionProblem(version)).toMatch(`Node 20.11 or newer is needed, this is ${'Node'}`);
  });
});

describe('the arguments of npm test', () => {
  it('keep ours and hand on the rest', () => {
    const args = ['--soak', 'packages/nbd', '-t', 'name', '--no-skips'];
    expect(readArguments(args, {})).toEqual({
      isSoak: true,
      mayNotSkip: true,
      vitestArguments: ['packages/nbd', '-t', 'name'],
    });
  });

  it('allow skips unless it is CI', () => {
    expect(readArguments([], {}).mayNotSkip).toBe(false);
    expect(readArguments([], { CI: 'false' }).mayNotSkip).toBe(false);
    expect(readArguments([], { CI: 'true' }).mayNotSkip).toBe(true);
    expect(readArguments([], { CI: '1' }).mayNotSkip).toBe(true);
  });
});

describe('an installed tree', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b-darwin': { version: '1.0.0', optional: true },
    },
  };

  it('is right with or without optional packages', () => {
    expect(isSameTree(lock, { packages: { 'node_modules/a': { version: '1.0.0' } } })).toBe(true);
    expect(isSameTree(lock, lock)).toBe(true);
  });

  it('is wrong with another version, without a package, or with one too many', () => {
    expect(isSameTree(lock, { packages: { 'node_modules/a': { version: '1.0.1' } } })).toBe(false);
    expect(isSameTree(lock, { packages: {} })).toBe(false);
    const extra = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1' } };
    expect(isSameTree(lock, { packages: extra })).toBe(false);
  });
});

describe('Debian packages', () => {
  it('are named once each, for the programs that are missing', () => {
    const missing = missingPackages((program) => !['nbdinfo', 'nbdcopy', 'fio'].includes(program));
    expect(missing).toEqual(['libnbd-bin', 'fio']);
    expect(missingPackages(() => true)).toEqual([]);
  });

  it('are looked for on the PATH and in the folders of the system', () => {
    expect(isAvailable('mount')).toBe(true);
    expect(remedyOf('qemu-img')).toContain('qemu-utils');
    expect(remedyOf('unheard-of')).toBe('install unheard-of');
  });
});

describe('a step', () => {
  it('that fails is reported in one line, with the command and how it ended', async () => {
    const phases = new Phases();
    expect(await phases.run('build', () => run('sh', ['-c', 'exit 3']))).toBe(false);
    expect(await phases.run('lint', () => run('true', []))).toBe(true);
    expect(phases.errors).toEqual(['build failed: `sh -c exit 3` ended with exit status 3']);
    expect(phases.done.map(({ outcome }) => outcome)).toEqual(['failed', 'ok']);
  });

  it('that cannot be started is reported too', async () => {
    expect(await run('no-such-program', [])).toMatchObject({ ok: false });
  });
});
