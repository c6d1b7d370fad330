import ts from 'typescript';
import { lineOf, type SourceFile, walk } from './source-file.js';

/** One mention of another module. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `url`: `new URL('./worker.js', import.meta.url)`, which is how workers are started. */
  readonly kind: 'import' | 'url';
}

/** All modules a file mentions: imports, re-exports, `import()`, import types and worker URLs. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  walk(file, (node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined) return;
    const kind = ts.isNewExpression(node) ? 'url' : 'import';
    found.push({ specifier, line: lineOf(file, node.getStart()), kind });
  });
  return found;
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return textOf(node.moduleSpecifier);
  }
  if (ts.isExternalModuleReference(node)) return textOf(node.expression);
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : undefined;
  }
  if (ts.isCallExpression(node)) return calledModule(node);
  if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
    const isOwnUrl = node.arguments?.[1]?.getText() === 'import.meta.url';
    return isOwnUrl ? textOf(node.arguments[0]) : undefined;
  }
  return undefined;
}

function calledModule(node: ts.CallExpression): string | undefined {
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isImport || node.expression.getText() === 'require'
    ? textOf(node.arguments[0])
    : undefined;
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}
