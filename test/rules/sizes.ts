import ts from 'typescript';
import type { Finding } from './finding.js';
import { isTestFile, lineOf, type SourceFile, walk } from './source-file.js';

const FILE_LINES_MAX = 400;
const TEST_FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 100;

/** A test's body may be long: it is read from top to bottom, once. */
const TEST_FUNCTIONS = /^(describe(With)?|it|test|suite)\b/;

/** Files, functions and lines that are longer than a reader can take in. */
export function checkSizes(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => [...fileSize(file), ...functionSizes(file), ...lineSizes(file)]);
}

function fileSize(file: SourceFile): Finding[] {
  const lines = file.text.replace(/\n$/, '').split('\n').length;
  const max = isTestFile(file.path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
  if (lines <= max) return [];
  return [{ file: file.path, line: 0, message: `${lines} lines, at most ${max} are allowed` }];
}

function lineSizes(file: SourceFile): Finding[] {
  return file.text.split('\n').flatMap((text, index) => {
    const columns = [...text].length;
    if (columns <= LINE_COLUMNS_MAX) return [];
    const message = `${columns} columns, at most ${LINE_COLUMNS_MAX} are allowed`;
    return [{ file: file.path, line: index + 1, message }];
  });
}

function functionSizes(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file, (node) => {
    if (!ts.isFunctionLike(node) || isTestBody(file, node)) return;
    const line = lineOf(file, node.getStart());
    const lines = lineOf(file, node.getEnd()) - line + 1;
    if (lines <= FUNCTION_LINES_MAX) return;
    const message = `a function of ${lines} lines, at most ${FUNCTION_LINES_MAX} are allowed`;
    findings.push({ file: file.path, line, message });
  });
  return findings;
}

function isTestBody(file: SourceFile, node: ts.Node): boolean {
  const { parent } = node;
  return (
    isTestFile(file.path) &&
    ts.isCallExpression(parent) &&
    TEST_FUNCTIONS.test(parent.expression.getText())
  );
}
