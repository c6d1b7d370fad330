import ts from 'typescript';
import type { Finding } from './finding.js';
import { isTestFile, lineOf, type SourceFile, walk } from './source-file.js';

const UNFINISHED = /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck)/g;

const TEST_FUNCTIONS = new Set(['describe', 'it', 'test', 'suite', 'bench']);

/** What may stand nowhere in the sources, whatever it does. */
export function checkWording(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => [...unfinishedWork(file), ...forbiddenSyntax(file)]);
}

/** Looks at names and comments; a string may well speak of such words. */
function unfinishedWork(file: SourceFile): Finding[] {
  const literals: ts.Node[] = [];
  walk(file, (node) => {
    if (ts.isLiteralExpression(node) || ts.isTemplateLiteralToken(node)) literals.push(node);
  });
  return [...file.text.matchAll(UNFINISHED)]
    .filter(({ index }) => !literals.some((it) => it.getStart() <= index && index < it.getEnd()))
    .map(({ index, 0: word }) => ({
      file: file.path,
      line: lineOf(file, index),
      message: `'${word}' marks unfinished work`,
    }));
}

function forbiddenSyntax(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file, (node) => {
    const message = syntaxProblem(file, node);
    if (message === undefined) return;
    findings.push({ file: file.path, line: lineOf(file, node.getStart()), message });
  });
  return findings;
}

function syntaxProblem(file: SourceFile, node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return '`any`: use `unknown` and narrow it';
  if (ts.isEnumDeclaration(node)) return '`enum`: use a frozen object or a union of literals';
  if (isDefaultExport(node)) return 'default export: name what is exported';
  if (isTestFile(file.path) && isOnly(node)) return '`.only` leaves all other tests out';
  return undefined;
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false;
}

function isOnly(node: ts.Node): boolean {
  if (!ts.isPropertyAccessExpression(node) || node.name.text !== 'only') return false;
  const [root = ''] = node.getText().split('.');
  return TEST_FUNCTIONS.has(root);
}
