import { describe, expect, it } from 'vitest';
import { checkDeadFiles } from './dead-files.js';
import { formatFindings } from './finding.js';
import { virtualSources } from './source-file.js';
import { loadSources } from './source-tree.js';

function dead(texts: Readonly<Record<string, string>>): string[] {
  return checkDeadFiles(virtualSources(texts)).map(({ file }) => file);
}

describe('dead files', () => {
  it('are not in this repository', () => {
    expect(formatFindings(checkDeadFiles(loadSources()))).toEqual([]);
  });

  it('are those nothing imports', () => {
    expect(
      dead({
        'packages/core/src/index.ts': "export * from './a.js';",
        'packages/core/src/a.ts': '',
        'packages/core/src/b.ts': '',
      }),
    ).toEqual(['packages/core/src/b.ts']);
  });

  it('are those only tests import, unless they help tests', () => {
    expect(
      dead({
        'packages/core/src/a.ts': '',
        'packages/core/src/a.test.ts': "import './a.js'; import './testing/fake.js';",
        'packages/core/src/testing/fake.ts': '',
      }),
    ).toEqual(['packages/core/src/a.ts']);
  });

  it('are not workers and entry points that are named by their path', () => {
    expect(
      dead({
        'packages/core/src/index.ts': "new Worker(new URL('./worker.js', import.meta.url));",
        'packages/core/src/worker.ts': '',
        'packages/cli/bin/retrace.cjs': "import('../dist/main.js');",
        'packages/cli/src/main.ts': '',
        'scripts/start.mjs': "inRoot('packages', 'cli', 'dist', 'demo', 'main.js');",
        'packages/cli/src/demo/main.ts': '',
      }),
    ).toEqual([]);
  });
});
