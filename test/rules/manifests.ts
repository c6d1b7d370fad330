import { EDGES, type Manifests } from './edges.js';
import type { Finding } from './finding.js';
import { importsOf } from './imports.js';
import { packageOf, type SourceFile } from './source-file.js';

/** Types of packages that ship none come in packages of their own, which no source imports. */
const TYPES_PREFIX = '@types/';

/** Dependencies that break the edges, that no source imports, or that are not pinned exactly. */
export function checkManifests(files: readonly SourceFile[], manifests: Manifests): Finding[] {
  return Object.entries(manifests).flatMap(([name, manifest]) => {
    if (name === '') return [];
    const imported = new Set(
      files
        .filter(({ path }) => packageOf(path) === name)
        .flatMap((file) => importsOf(file).map(({ specifier }) => specifier)),
    );
    const specifiers = [...imported];
    return Object.entries(manifest.dependencies ?? {}).flatMap(([dependency, version]) => {
      const message = dependencyProblem(name, dependency, version, specifiers);
      return message === undefined
        ? []
        : [{ file: `packages/${name}/package.json`, line: 0, message }];
    });
  });
}

function dependencyProblem(
  name: string,
  dependency: string,
  version: string,
  imported: readonly string[],
): string | undefined {
  const own = /^@retrace\/(.+)$/.exec(dependency)?.[1];
  if (own !== undefined && !EDGES[name]?.includes(own)) return `${name} may not depend on ${own}`;
  if (own === undefined && name === 'nbd') return `nbd may not depend on '${dependency}'`;
  if (!/^\d/.test(version)) return `'${dependency}' is not pinned exactly: ${version}`;
  const isUsed = imported.some((it) => it === dependency || it.startsWith(`${dependency}/`));
  return isUsed || dependency.startsWith(TYPES_PREFIX)
    ? undefined
    : `'${dependency}' is declared, but no source imports it`;
}
