import { posix } from 'node:path';
import ts from 'typescript';

/** A source file, parsed. Rules see nothing else, so that a test can feed them made-up files. */
export interface SourceFile {
  /** Path from the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
}

/** Parses one file; `path` decides whether it is read as TypeScript, TSX or JavaScript. */
export function parseSource(path: string, text: string): SourceFile {
  return { path, text, ast: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

/** Parses made-up files, for tests of the rules themselves. */
export function virtualSources(texts: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(texts).map(([path, text]) => parseSource(path, text));
}

/** The line of a node's first character, from 1. */
export function lineOf(file: SourceFile, position: number): number {
  return file.ast.getLineAndCharacterOfPosition(position).line + 1;
}

/** Calls `visit` for every node of the file, parents first. */
export function walk(file: SourceFile, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, step);
  };
  step(file.ast);
}

/** Whether this file holds tests. */
export function isTestFile(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.test.tsx');
}

/** The package folder a file lies in, such as `core`; undefined outside `packages/`. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** The folder of the npm workspace a file lies in: `packages/core`, `test` or `bench`. */
export function workspaceOf(path: string): string | undefined {
  return /^(?:packages\/[^/]+|test|bench)(?=\/)/.exec(path)?.[0];
}

/** Resolves a relative import or URL to the source it means: `./x.js` is `x.ts`. */
export function resolveRelative(
  from: string,
  specifier: string,
  exists: (path: string) => boolean,
): string | undefined {
  const target = posix.join(posix.dirname(from), specifier);
  const stem = target.replace(/\.[cm]?jsx?$/, '');
  const candidates = [target, `${stem}.ts`, `${stem}.tsx`, `${target}.ts`, `${target}/index.ts`];
  return candidates.find(exists);
}
