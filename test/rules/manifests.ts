import { posix } from 'node:path';
import { EDGES, type Manifests } from './edges.js';
import type { Finding } from './finding.js';
import { importsOf } from './imports.js';
import { packageOf, type SourceFile, workspaceOf } from './source-file.js';

/** Types of packages that ship none come in packages of their own, which no source imports. */
const TYPES_PREFIX = '@types/';

/** Dependencies that break the edges, that no source imports, or that are not pinned exactly. */
export function checkManifests(files: readonly SourceFile[], manifests: Manifests): Finding[] {
  return Object.entries(manifests).flatMap(([workspace, manifest]) => {
    if (workspace === '') return [];
    const imported = new Set(
      files
        .filter(({ path }) => workspaceOf(path) === workspace)
        .flatMap((file) => importsOf(file).map(({ specifier }) => specifier)),
    );
    const specifiers = [...imported];
    return declarations(manifest).flatMap(([dependency, version]) => {
      const message = dependencyProblem(workspace, dependency, version, specifiers);
      return message === undefined ? [] : [finding(workspace, message)];
    });
  });
}

/** Packages that two workspaces declare in two versions: each then runs with another one. */
export function checkVersions(manifests: Manifests): Finding[] {
  const first = new Map<string, { readonly workspace: string; readonly version: string }>();
  return Object.entries(manifests).flatMap(([workspace, manifest]) =>
    declarations(manifest).flatMap(([dependency, version]) => {
      const earlier = first.get(dependency);
      first.set(dependency, earlier ?? { workspace, version });
      if (earlier === undefined || earlier.version === version) return [];
      const place = posix.join(earlier.workspace, 'package.json');
      return [
        finding(workspace, `'${dependency}' is ${version}, but ${earlier.version} in ${place}`),
      ];
    }),
  );
}

function declarations({ dependencies, devDependencies }: Manifests[string]): [string, string][] {
  return [...Object.entries(dependencies ?? {}), ...Object.entries(devDependencies ?? {})];
}

function finding(workspace: string, message: string): Finding {
  return { file: posix.join(workspace, 'package.json'), line: 0, message };
}

function dependencyProblem(
  workspace: string,
  dependency: string,
  version: string,
  imported: readonly string[],
): string | undefined {
  const name = packageOf(`${workspace}/`);
  const own = /^@retrace\/(.+)$/.exec(dependency)?.[1];
  if (name !== undefined && own !== undefined && !EDGES[name]?.includes(own)) {
    return `${name} may not depend on ${own}`;
  }
  if (own === undefined && name === 'nbd') return `nbd may not depend on '${dependency}'`;
  if (!/^\d/.test(version)) return `'${dependency}' is not pinned exactly: ${version}`;
  const isUsed = imported.some((it) => it === dependency || it.startsWith(`${dependency}/`));
  return isUsed || dependency.startsWith(TYPES_PREFIX)
    ? undefined
    : `'${dependency}' is declared, but no source imports it`;
}
