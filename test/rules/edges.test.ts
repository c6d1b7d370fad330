import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkCycles } from './cycles.js';
import { checkEdges, EDGES, type Manifests } from './edges.js';
import { formatFindings } from './finding.js';
import { checkManifests, checkVersions } from './manifests.js';
import { virtualSources } from './source-file.js';
import { listFiles, loadSources, readText } from './source-tree.js';

const MANIFESTS: Manifests = {
  '': { devDependencies: { vitest: '4.1.12' } },
  'packages/core': { dependencies: { msgpackr: '2.1.3' } },
  'packages/nbd': {},
  'packages/journal': { dependencies: { '@retrace/core': '0.1.0' } },
  'packages/agent': { dependencies: { '@retrace/core': '0.1.0', '@retrace/nbd': '0.1.0' } },
  test: { dependencies: { '@retrace/core': '0.1.0' } },
  bench: { dependencies: { '@retrace/core': '0.1.0' } },
};

function realManifests(): Manifests {
  const root = JSON.parse(readText('package.json')) as { readonly workspaces: readonly string[] };
  return Object.fromEntries(
    ['', ...root.workspaces].map((folder) => [
      folder,
      JSON.parse(readText(posix.join(folder, 'package.json'))) as Manifests[string],
    ]),
  );
}

/** The messages for one made-up tree, without their places. */
function edgeMessages(texts: Readonly<Record<string, string>>): string[] {
  return checkEdges(virtualSources(texts), MANIFESTS).map(({ message }) => message);
}

describe('import edges', () => {
  it('hold in this repository', () => {
    expect(formatFindings(checkEdges(loadSources(), realManifests()))).toEqual([]);
  });

  it('are known for every package there is', () => {
    const folders = listFiles('packages').map((path) => path.split('/')[1] ?? '');
    expect(Object.keys(EDGES)).toEqual(expect.arrayContaining([...new Set(folders)]));
  });

  it('find an import against the direction, wherever it hides', () => {
    const path = 'packages/journal/src/a.ts';
    const message = 'journal may not import agent (it may import: core)';
    for (const text of [
      "import { x } from '@retrace/agent';",
      "export { x } from '@retrace/agent';",
      "import type { X } from '@retrace/agent';",
      "const x = await import('@retrace/agent');",
      "type X = import('@retrace/agent').X;",
      "import x = require('@retrace/agent');",
    ]) {
      expect(edgeMessages({ [path]: text })).toEqual([message]);
    }
  });

  it('find a way into the inside of a package', () => {
    expect(
      edgeMessages({ 'packages/agent/src/a.ts': "import { x } from '@retrace/core/src/x.js';" }),
    ).toEqual([
      "'@retrace/core/src/x.js' is inside @retrace/core: only '@retrace/core' may be imported",
    ]);
    expect(
      edgeMessages({
        'packages/agent/src/a.ts': "import { x } from '../../core/src/x.js';",
        'packages/core/src/x.ts': 'export const x = 1;',
      }),
    ).toEqual(["reaches into packages/core: import '@retrace/core'"]);
  });

  it('hold for tests above packages too, apart from the direction', () => {
    const outside = { 'test/e2e/a.test.ts': "import { x } from '@retrace/core/dist/x.js';" };
    expect(edgeMessages(outside)).toHaveLength(1);
    expect(edgeMessages({ 'test/e2e/a.test.ts': "import { x } from '@retrace/core';" })).toEqual(
      [],
    );
  });

  it('find an npm package in nbd, and a package that no manifest declares', () => {
    expect(edgeMessages({ 'packages/nbd/src/a.ts': "import { pino } from 'pino';" })).toEqual([
      "nbd uses no npm package, but imports 'pino'",
    ]);
    expect(edgeMessages({ 'packages/core/src/a.ts': "import { x } from '@scope/x/y';" })).toEqual([
      "'@scope/x' is not in packages/core/package.json",
    ]);
  });

  it('find what tests, benchmarks and scripts import without declaring it', () => {
    const texts = { a: "import { Level } from 'level';", b: "import { it } from 'vitest';" };
    expect(edgeMessages({ 'test/lib/a.ts': texts.a, 'test/lib/b.ts': texts.b })).toEqual([
      "'level' is not in test/package.json",
    ]);
    expect(edgeMessages({ 'bench/x/a.ts': texts.a, 'bench/b.ts': texts.b })).toEqual([
      "'level' is not in bench/package.json",
      "'vitest' is not in bench/package.json",
    ]);
    expect(edgeMessages({ 'scripts/a.mjs': texts.a })).toEqual(["'level' is not in package.json"]);
  });

  it('let through what is in order', () => {
    expect(
      edgeMessages({
        'packages/core/src/a.ts': "import fs from 'node:fs'; import { pack } from 'msgpackr';",
        'packages/agent/src/a.ts': "import { x } from '@retrace/core'; import { b } from './b.js';",
        'packages/agent/src/b.ts': 'export const b = 1;',
        'packages/nbd/src/a.test.ts': "import { it } from 'vitest';",
        'bench/a.ts': "import { x } from '@retrace/core';",
      }),
    ).toEqual([]);
  });
});

describe('package manifests', () => {
  it('declare in this repository what is used, and no more', () => {
    expect(formatFindings(checkManifests(loadSources(), realManifests()))).toEqual([]);
  });

  it('are found to break the edges, to be unpinned or unused', () => {
    const files = virtualSources({
      'packages/core/src/a.ts': "import { a } from 'a'; import { b } from 'b/inside';",
    });
    const dependencies = { a: '^1.0.0', b: '1.0.0', c: '1.0.0', '@retrace/nbd': '0.1.0' };
    expect(formatFindings(checkManifests(files, { 'packages/core': { dependencies } }))).toEqual([
      "packages/core/package.json: 'a' is not pinned exactly: ^1.0.0",
      "packages/core/package.json: 'c' is declared, but no source imports it",
      'packages/core/package.json: core may not depend on nbd',
    ]);
    expect(
      formatFindings(checkManifests([], { 'packages/nbd': { dependencies: { pino: '10.4.0' } } })),
    ).toEqual(["packages/nbd/package.json: nbd may not depend on 'pino'"]);
    expect(
      formatFindings(checkManifests([], { bench: { devDependencies: { a: '1.0.0' } } })),
    ).toEqual(["bench/package.json: 'a' is declared, but no source imports it"]);
  });

  it('name one version of a package in this repository', () => {
    expect(formatFindings(checkVersions(realManifests()))).toEqual([]);
  });

  it('are found to name two', () => {
    const manifests = {
      '': { devDependencies: { a: '1.0.0' } },
      test: { dependencies: { a: '1.0.0', b: '1.0.0' } },
      bench: { dependencies: { a: '1.0.1' } },
    };
    expect(formatFindings(checkVersions(manifests))).toEqual([
      "bench/package.json: 'a' is 1.0.1, but 1.0.0 in package.json",
    ]);
  });
});

describe('imports inside a package', () => {
  it('form no cycle in this repository', () => {
    expect(formatFindings(checkCycles(loadSources()))).toEqual([]);
  });

  it('are found to form a cycle, through types too', () => {
    const files = virtualSources({
      'packages/core/src/a.ts': "import { b } from './b.js';",
      'packages/core/src/b.ts': "import type { C } from './c/index.js';",
      'packages/core/src/c/index.ts': "export * from '../a.js';",
      'packages/core/src/d.ts': "import { a } from './a.js';",
    });
    expect(formatFindings(checkCycles(files))).toEqual([
      'packages/core/src/a.ts: imports itself by way of packages/core/src/b.ts -> ' +
        'packages/core/src/c/index.ts -> packages/core/src/a.ts',
    ]);
  });

  it('may meet without a cycle', () => {
    const files = virtualSources({
      'packages/core/src/a.ts': "import './b.js'; import './c.js';",
      'packages/core/src/b.ts': "import './c.js';",
      'packages/core/src/c.ts': '',
    });
    expect(checkCycles(files)).toEqual([]);
  });
});
