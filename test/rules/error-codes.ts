import ts from 'typescript';
import type { Finding } from './finding.js';
import { lineOf, type SourceFile, walk } from './source-file.js';

/** One code of an exported table. */
export interface ErrorCode {
  readonly code: string;
  readonly table: string;
  readonly file: string;
  readonly line: number;
}

const TABLE_NAME = /(^|_)ERROR(S|_CODES)$/;
const CODE = /^[A-Z][A-Z0-9_]+$/;
const HEADING = /^#{2,6}\s+`?([A-Z][A-Z0-9_]+)`?\s*$/;

/** The codes of every exported constant whose name ends in `ERROR_CODES` or `ERRORS`. */
export function collectErrorCodes(files: readonly SourceFile[]): ErrorCode[] {
  return files.flatMap((file) => {
    const codes: ErrorCode[] = [];
    walk(file, (node) => {
      if (!ts.isVariableDeclaration(node) || !ts.isIdentifier(node.name)) return;
      const table = node.name.text;
      if (!TABLE_NAME.test(table) || !isExported(node)) return;
      for (const [code, position] of keysOf(node.initializer)) {
        codes.push({ code, table, file: file.path, line: lineOf(file, position) });
      }
    });
    return codes;
  });
}

function isExported(node: ts.VariableDeclaration): boolean {
  const statement = node.parent.parent;
  return (
    ts.isVariableStatement(statement) &&
    (statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false)
  );
}

/** Keys of an object literal, or members of an array, through `as const`, `satisfies`, freeze(). */
function keysOf(node: ts.Expression | undefined): (readonly [string, number])[] {
  if (node === undefined) return [];
  if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) return keysOf(node.expression);
  if (ts.isParenthesizedExpression(node)) return keysOf(node.expression);
  if (ts.isCallExpression(node)) return keysOf(node.arguments[0]);
  if (ts.isArrayLiteralExpression(node)) {
    return node.elements
      .filter(ts.isStringLiteralLike)
      .map((element) => [element.text, element.getStart()] as const);
  }
  if (!ts.isObjectLiteralExpression(node)) return [];
  return node.properties.flatMap((property) => {
    const { name } = property;
    if (name === undefined || !(ts.isIdentifier(name) || ts.isStringLiteralLike(name))) return [];
    return [[name.text, property.getStart()] as const];
  });
}

/**
 * Where the tables and their page differ: codes without a heading (`## CODE`), headings without a
 * code, codes that stand in two tables, and codes that are not written in capitals.
 */
export function checkErrorCodes(
  codes: readonly ErrorCode[],
  page: string,
  pagePath: string,
): Finding[] {
  const headings = new Map(
    page.split('\n').flatMap((text, index) => {
      const code = HEADING.exec(text)?.[1];
      return code === undefined ? [] : [[code, index + 1] as const];
    }),
  );
  const first = new Map<string, ErrorCode>();
  const findings: Finding[] = [];
  for (const entry of codes) {
    const { code, table, file, line } = entry;
    const earlier = first.get(code);
    if (!CODE.test(code)) findings.push({ file, line, message: `'${code}' is not in CAPITALS` });
    if (earlier !== undefined) {
      findings.push({ file, line, message: `${code} stands in ${earlier.table} as well` });
    } else if (!headings.has(code)) {
      findings.push({ file, line, message: `${code} of ${table} has no heading in ${pagePath}` });
    }
    first.set(code, earlier ?? entry);
  }
  for (const [code, line] of headings) {
    if (first.has(code)) continue;
    findings.push({ file: pagePath, line, message: `${code} is in no table of error codes` });
  }
  return findings;
}

/**
 * Codes that no source makes an error, an answer or an alarm of. A mention in a table, in a list of
 * codes, in a type or in a comparison is no use: it only waits for one.
 */
export function checkCodesInUse(
  codes: readonly ErrorCode[],
  files: readonly SourceFile[],
): Finding[] {
  const used = new Set<string>();
  for (const file of files) {
    walk(file, (node) => {
      if (ts.isStringLiteralLike(node) && CODE.test(node.text) && isUse(node)) used.add(node.text);
    });
  }
  return codes
    .filter(({ code }) => !used.has(code))
    .map(({ code, table, file, line }) => {
      return { file, line, message: `${code} of ${table} is used nowhere` };
    });
}

function isUse(literal: ts.StringLiteralLike): boolean {
  const { parent } = literal;
  if (ts.isBinaryExpression(parent)) return !isComparison(parent.operatorToken.kind);
  if (ts.isPropertyAssignment(parent)) return parent.initializer === literal;
  return !(
    ts.isLiteralTypeNode(parent) ||
    ts.isArrayLiteralExpression(parent) ||
    ts.isCaseClause(parent)
  );
}

function isComparison(operator: ts.SyntaxKind): boolean {
  return (
    operator === ts.SyntaxKind.EqualsEqualsEqualsToken ||
    operator === ts.SyntaxKind.ExclamationEqualsEqualsToken
  );
}
