import { describe, expect, it } from 'vitest';
import { checkCodesInUse, checkErrorCodes, collectErrorCodes } from './error-codes.js';
import { formatFindings } from './finding.js';
import { isTestFile, packageOf, virtualSources } from './source-file.js';
import { listFiles, loadSources, readText } from './source-tree.js';

const PAGE = 'docs/errors.md';

function codesOf(text: string): string[] {
  return collectErrorCodes(virtualSources({ 'a.ts': text })).map(({ code }) => code);
}

describe('error codes', () => {
  it('are those of docs/errors.md, no more and no fewer', () => {
    const sources = loadSources().filter(({ path }) => !isTestFile(path));
    const codes = collectErrorCodes(sources);
    expect(codes.length).toBeGreaterThan(0);
    const page = listFiles('docs').includes(PAGE) ? readText(PAGE) : '';
    expect(formatFindings(checkErrorCodes(codes, page, PAGE))).toEqual([]);
  });

  it('are all used', () => {
    const sources = loadSources().filter(
      ({ path }) => packageOf(path) !== undefined && !isTestFile(path),
    );
    expect(formatFindings(checkCodesInUse(collectErrorCodes(sources), sources))).toEqual([]);
  });

  it('are found in tables of every shape', () => {
    expect(codesOf("export const ERROR_CODES = { A_B: { summary: 'x' }, 'C_D': 1 };")).toEqual([
      'A_B',
      'C_D',
    ]);
    expect(codesOf('export const X_ERROR_CODES = Object.freeze({ A_B: 1 } as const);')).toEqual([
      'A_B',
    ]);
    expect(codesOf('export const X_ERROR_CODES = ({ A_B: 1 }) satisfies T;')).toEqual(['A_B']);
    expect(codesOf("export const X_ERROR_CODES = ['A_B'] as const;")).toEqual(['A_B']);
    expect(codesOf('export const X_ERRORS = Object.freeze({ A_B: f(1) });')).toEqual(['A_B']);
    expect(codesOf('const X_ERROR_CODES = { A_B: 1 };')).toEqual([]);
    expect(codesOf('export const OTHER = { A_B: 1 };')).toEqual([]);
  });

  it('are reported where nothing makes an error of them', () => {
    const uses = [
      "throw new NbdError('AA', 'text');",
      "const { code = 'BB' } = reply;",
      "const refusal = { code: late ? 'CC' : 'DD', message };",
      "const status = { EE: 404, 'FF': 500 };",
      "type Known = 'GG'; const PASSED_ON: readonly Code[] = ['HH'];",
      "if (error.code === 'II') retry(); switch (code) { case 'JJ': retry(); }",
    ];
    const table = ['AA', 'BB', 'CC', 'DD', 'EE', 'FF', 'GG', 'HH', 'II', 'JJ'];
    const files = virtualSources({
      'a.ts': `export const ERROR_CODES = ${JSON.stringify(table)};`,
      'b.ts': uses.join('\n'),
    });
    const findings = formatFindings(checkCodesInUse(collectErrorCodes(files), files));
    expect(findings).toEqual(
      ['EE', 'FF', 'GG', 'HH', 'II', 'JJ'].map(
        (code) => `a.ts:1: ${code} of ERROR_CODES is used nowhere`,
      ),
    );
  });

  it('are reported where table and page differ', () => {
    const files = virtualSources({
      'a.ts': 'export const ERROR_CODES = {\n  AA: 1,\n  BB: 1,\n  lower: 1,\n};',
      'b.ts': 'export const NBD_ERROR_CODES = { AA: 1 };',
    });
    const page = '# Errors\n\n## Storage\n\n### `AA`\n\n### GONE\n';
    expect(formatFindings(checkErrorCodes(collectErrorCodes(files), page, PAGE))).toEqual([
      'a.ts:3: BB of ERROR_CODES has no heading in docs/errors.md',
      "a.ts:4: 'lower' is not in CAPITALS",
      'a.ts:4: lower of ERROR_CODES has no heading in docs/errors.md',
      'b.ts:1: AA stands in ERROR_CODES as well',
      'docs/errors.md:7: GONE is in no table of error codes',
    ]);
  });
});
