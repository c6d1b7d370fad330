import type { Finding } from './finding.js';
import { importsOf } from './imports.js';
import { resolveRelative, type SourceFile } from './source-file.js';

/** Files that import each other in a circle, also where only types are meant. */
export function checkCycles(files: readonly SourceFile[]): Finding[] {
  const paths = new Set(files.map(({ path }) => path));
  const targets = new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ kind, specifier }) => kind === 'import' && specifier.startsWith('.'))
        .map(({ specifier }) => resolveRelative(file.path, specifier, (path) => paths.has(path)))
        .filter((path) => path !== undefined),
    ]),
  );
  return findCycles(targets).map((cycle) => ({
    file: cycle[0] ?? '',
    line: 0,
    message: `imports itself by way of ${[...cycle.slice(1), cycle[0]].join(' -> ')}`,
  }));
}

/** One cycle for each edge that closes one, found by a depth-first walk. */
function findCycles(targets: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const finished = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    if (finished.has(path)) return;
    const start = trail.indexOf(path);
    if (start >= 0) {
      cycles.push(trail.slice(start));
      return;
    }
    trail.push(path);
    for (const target of targets.get(path) ?? []) visit(target);
    trail.pop();
    finished.add(path);
  };
  for (const path of targets.keys()) visit(path);
  return cycles;
}
