import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSource, type SourceFile } from './source-file.js';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const IGNORED = new Set(['node_modules', 'dist', 'data', 'coverage', 'results', '.git', '.vitest']);

/** All files below a folder, as paths from the root, without what is built or installed. */
export function listFiles(folder = '.'): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (IGNORED.has(entry.name)) return [];
    if (entry.isDirectory()) return listFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

/** The text of a file named from the root. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

let sources: readonly SourceFile[] | undefined;

/** Every source file of packages, tests, benchmarks and scripts, parsed once. */
export function loadSources(): readonly SourceFile[] {
  sources ??= ['packages', 'test', 'bench', 'scripts']
    .flatMap((folder) => listFiles(folder))
    .filter((path) => /\.(ts|tsx|mjs|cjs)$/.test(path))
    .map((path) => parseSource(path, readText(path)));
  return sources;
}
