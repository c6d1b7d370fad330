import { describe, expect, it } from 'vitest';
import { countTests, listSkips, type Report, readSkips } from '../../scripts/lib/results.mjs';
import { countsLine, phaseTable, skipList } from '../../scripts/lib/summary.mjs';

const REPORT: Report = {
  testResults: [
    {
      name: '/root/test/a.test.ts',
      status: 'passed',
      assertionResults: [
        { title: 'x', ancestorTitles: ['suite a'], status: 'passed' },
        { title: 'y', ancestorTitles: ['suite a'], status: 'failed' },
        { title: 'z', ancestorTitles: ['suite b', 'inner'], status: 'skipped' },
        { title: 'z2', ancestorTitles: ['suite b'], status: 'pending' },
        { title: 'alone', ancestorTitles: [], status: 'todo' },
      ],
    },
    { name: '/root/test/b.test.ts', status: 'failed', assertionResults: [] },
  ],
};

describe('the count of tests', () => {
  it('counts each test, and a file that could not be loaded as a failure', () => {
    expect(countTests(REPORT)).toEqual({ passed: 1, failed: 2, skipped: 3 });
  });

  it('is one line that programs can read', () => {
    expect(countsLine({ passed: 1, failed: 2, skipped: 3 })).toBe('1 passed, 2 failed, 3 skipped');
  });
});

describe('the list of skipped suites', () => {
  it('names suite, file, program and package', () => {
    const text =
      '{"file":"/root/test/a.test.ts","suite":"suite b","missing":["nbdkit","fuse"]}\n' +
      '{"file":"/root/test/c.test.ts","suite":"suite b","missing":["fio"]}\n';
    const skips = listSkips(REPORT, readSkips(text, '/root'), '/root');
    expect(skips).toEqual([
      { file: 'test/a.test.ts', suite: 'suite b', missing: ['nbdkit', 'fuse'] },
      { file: 'test/a.test.ts', suite: 'alone', missing: [] },
    ]);
    const list = skipList(skips);
    expect(list).toContain('NOT TESTED: 2 suite(s) were skipped');
    expect(list).toContain('suite b  [test/a.test.ts]');
    expect(list).toContain('apt-get install --no-install-recommends nbdkit');
    expect(list).toContain('needs fuse: give the tests /dev/fuse');
    expect(list).toContain('skipped by the test itself');
  });

  it('falls back to what the file lacks', () => {
    const text = '{"file":"/root/test/a.test.ts","suite":"","missing":["strace"]}\n';
    const skips = listSkips(REPORT, readSkips(text, '/root'), '/root');
    expect(skips.map(({ missing }) => missing)).toEqual([['strace'], ['strace']]);
  });

  it('is empty where everything ran', () => {
    expect(skipList([])).toBe('');
  });
});

describe('the table of phases', () => {
  it('shows time, outcome and note', () => {
    const table = phaseTable([
      { name: 'install', seconds: 0.04, outcome: 'skipped', note: 'up to date' },
      { name: 'suites', seconds: 61.26, outcome: 'failed' },
    ]);
    expect(table).toMatch(/install +0\.0 s {2}skipped \(up to date\)\n +suites +61\.3 s {2}failed/);
  });
});
