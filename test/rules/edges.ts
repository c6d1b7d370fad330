import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { Finding } from './finding.js';
import { type Import, importsOf } from './imports.js';
import {
  isTestFile,
  packageOf,
  resolveRelative,
  type SourceFile,
  workspaceOf,
} from './source-file.js';

/** What each package may import of the others: these edges and no more. */
export const EDGES: Readonly<Record<string, readonly string[]>> = {
  core: [],
  nbd: [],
  journal: ['core'],
  agent: ['core', 'nbd'],
  server: ['core', 'nbd', 'journal'],
  cli: ['core', 'nbd', 'journal', 'agent', 'server'],
  web: [],
};

/** Packages that must stay usable without any npm package. */
const WITHOUT_NPM_PACKAGES = new Set(['nbd']);

/** The part of a `package.json` the rules look at. */
export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The manifests by workspace folder (`packages/core`, `test`), the root's under the empty name. */
export type Manifests = Readonly<Record<string, Manifest>>;

/** `@retrace/core/inside.js` -> `core`; undefined for a package that is not ours. */
function ownPackage(specifier: string): string | undefined {
  return /^@retrace\/([^/]+)/.exec(specifier)?.[1];
}

/** `@scope/name/file` -> `@scope/name`. */
function npmPackage(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Imports that cross a border they may not cross, or that no manifest declares. */
export function checkEdges(files: readonly SourceFile[], manifests: Manifests): Finding[] {
  const paths = new Set(files.map(({ path }) => path));
  return files.flatMap((file) =>
    importsOf(file).flatMap((found) => {
      const message = found.specifier.startsWith('.')
        ? relativeProblem(file, found, paths)
        : packageProblem(file, found, manifests);
      return message === undefined ? [] : [{ file: file.path, line: found.line, message }];
    }),
  );
}

function relativeProblem(
  file: SourceFile,
  { specifier, kind }: Import,
  paths: ReadonlySet<string>,
): string | undefined {
  const target = resolveRelative(file.path, specifier, (path) => paths.has(path));
  if (target === undefined) return undefined;
  const from = packageOf(file.path);
  const to = packageOf(target);
  if (from === to) return undefined;
  if (to !== undefined) {
    return kind === 'url' ? undefined : `reaches into packages/${to}: import '@retrace/${to}'`;
  }
  const isHarness = isTestFile(file.path) && target.startsWith('test/lib/');
  return isHarness ? undefined : `a package may not import ${target}, which lies outside packages/`;
}

function packageProblem(
  file: SourceFile,
  { specifier }: Import,
  manifests: Manifests,
): string | undefined {
  if (specifier.startsWith('node:') || isBuiltin(specifier)) return undefined;
  const from = packageOf(file.path);
  const own = ownPackage(specifier);
  if (own !== undefined && specifier !== `@retrace/${own}`) {
    return `'${specifier}' is inside @retrace/${own}: only '@retrace/${own}' may be imported`;
  }
  if (from !== undefined && own !== undefined && !EDGES[from]?.includes(own)) {
    return `${from} may not import ${own} (it may import: ${EDGES[from]?.join(', ') || 'nothing'})`;
  }
  return undeclared(file, specifier, manifests, from);
}

/**
 * What npm puts into the root's `node_modules` for one workspace can be imported by all. That it is
 * there for this one must not hang on the others.
 */
function undeclared(
  file: SourceFile,
  specifier: string,
  manifests: Manifests,
  from: string | undefined,
): string | undefined {
  const name = npmPackage(specifier);
  const workspace = workspaceOf(file.path) ?? '';
  const declared = { ...manifests[workspace]?.dependencies };
  // What helps tests is no part of the built package either.
  if (isForTests(file.path)) {
    Object.assign(declared, manifests[workspace]?.devDependencies, manifests['']?.devDependencies);
  } else if (from !== undefined && WITHOUT_NPM_PACKAGES.has(from)) {
    return `${from} uses no npm package, but imports '${specifier}'`;
  }
  const manifest = posix.join(workspace, 'package.json');
  return Object.hasOwn(declared, name) ? undefined : `'${name}' is not in ${manifest}`;
}

function isForTests(path: string): boolean {
  return isTestFile(path) || path.includes('/src/testing/') || path.startsWith('test/');
}
