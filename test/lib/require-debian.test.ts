import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeWith, requireDebian, tempDir } from './index.js';

const HERE = fileURLToPath(import.meta.url);

/** The suites below run where such a machine is: everywhere. */
describeWith([], 'a suite that needs nothing', () => {
  it('runs', () => {
    expect(requireDebian()).toBe(true);
  });
});

describe('requireDebian', () => {
  let skipsFile = '';
  beforeEach(() => {
    skipsFile = join(tempDir(), 'skips.jsonl');
    vi.stubEnv('RETRACE_SKIPS_FILE', skipsFile);
    vi.stubEnv('RETRACE_REQUIRE_DEBIAN', '');
    // Nothing is found on this PATH but what the folders of the system have.
    vi.stubEnv('PATH', '/nonexistent');
  });
  afterEach(() => vi.unstubAllEnvs());

  it('notes file and programs where one is missing', () => {
    // fio lies in /usr/bin, which the PATH above leaves out.
    expect(requireDebian('fio', 'nbdkit')).toBe(false);
    const lines = readFileSync(skipsFile, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { file: HERE, suite: '', missing: ['fio', 'nbdkit'] },
    ]);
  });

  it('throws where nothing may be skipped, and says what to install', () => {
    vi.stubEnv('RETRACE_REQUIRE_DEBIAN', '1');
    expect(() => requireDebian('fio')).toThrow(
      /needs what is not here: fio \(sudo apt-get install --no-install-recommends fio\)/,
    );
  });
});
