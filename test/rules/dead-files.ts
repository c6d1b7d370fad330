import { posix } from 'node:path';
import type { Finding } from './finding.js';
import { importsOf } from './imports.js';
import { isTestFile, packageOf, resolveRelative, type SourceFile } from './source-file.js';

/** Helpers of tests lie in such a folder, and only tests need use them. */
const TEST_HELPER = /(^|\/)(testing|test-[^/]+|conformance)(\/|\.ts$|$)/;

/** A path into a built package inside a string, such as `../dist/main.js`. */
const BUILT_FILE = /(?:packages\/([^/'"]+)\/|\.\.\/)dist\/([\w./-]+)\.js/g;

/**
 * Sources of packages that nothing uses. A file that only its own tests import is dead too: the
 * tests keep it breathing, nothing more.
 */
export function checkDeadFiles(files: readonly SourceFile[]): Finding[] {
  const used = usedFiles(files);
  return files
    .filter(({ path }) => packageOf(path) !== undefined && path.includes('/src/'))
    .filter(({ path }) => !isTestFile(path) && !path.endsWith('.d.ts'))
    .filter(({ path }) => !/^packages\/[^/]+\/src\/index\.ts$/.test(path) && !used.has(path))
    .map(({ path }) => ({ file: path, line: 0, message: 'no source file uses this one' }));
}

function usedFiles(files: readonly SourceFile[]): ReadonlySet<string> {
  const paths = new Set(files.map(({ path }) => path));
  const used = new Set<string>();
  for (const file of files) {
    for (const path of [...relativeTargets(file, paths), ...builtTargets(file, paths)]) {
      if (!isTestFile(file.path) || TEST_HELPER.test(path)) used.add(path);
    }
  }
  return used;
}

function relativeTargets(file: SourceFile, paths: ReadonlySet<string>): string[] {
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier }) => resolveRelative(file.path, specifier, (path) => paths.has(path)))
    .filter((path) => path !== undefined);
}

/** Programs outside the sources (`bin/`, `scripts/`) name what was built from a source. */
function builtTargets(file: SourceFile, paths: ReadonlySet<string>): string[] {
  const text = file.text.replaceAll(/',\s*'/g, '/');
  return [...text.matchAll(BUILT_FILE)].flatMap(([, name, stem]) => {
    const owner = name ?? packageOf(file.path);
    const source = posix.join('packages', owner ?? '', 'src', `${stem}.ts`);
    return paths.has(source) ? [source] : [];
  });
}
