import { describe, expect, it } from 'vitest';
import { formatFindings } from './finding.js';
import { checkSizes } from './sizes.js';
import { virtualSources } from './source-file.js';
import { loadSources } from './source-tree.js';

function problems(path: string, text: string): string[] {
  return formatFindings(checkSizes(virtualSources({ [path]: text })));
}

const SOURCE = 'packages/core/src/a.ts';
const TEST = 'packages/core/src/a.test.ts';

/** A function of exactly `lines` lines. */
function functionOf(lines: number, head = 'function f() {', tail = '}'): string {
  return [head, ...Array.from({ length: lines - 2 }, () => '  f();'), tail].join('\n');
}

describe('sizes', () => {
  it('are within their bounds in this repository', () => {
    expect(formatFindings(checkSizes(loadSources()))).toEqual([]);
  });

  it('allow a source of 400 lines and a test of 600, and not one more', () => {
    expect(problems(SOURCE, ';\n'.repeat(400))).toEqual([]);
    expect(problems(SOURCE, ';\n'.repeat(401))).toEqual([
      `${SOURCE}: 401 lines, at most 400 are allowed`,
    ]);
    expect(problems(TEST, ';\n'.repeat(600))).toEqual([]);
    expect(problems(TEST, ';\n'.repeat(601))).toHaveLength(1);
  });

  it('allow a function of 70 lines, and not one more', () => {
    expect(problems(SOURCE, functionOf(70))).toEqual([]);
    const message = `${SOURCE}:2: a function of 71 lines, at most 70 are allowed`;
    expect(problems(SOURCE, `;\n${functionOf(71)}`)).toEqual([message]);
    expect(problems(SOURCE, `;\n${functionOf(71, 'export const f = () => {')}`)).toHaveLength(1);
    expect(problems(SOURCE, functionOf(73, 'class A { m() {', '} }'))).toHaveLength(1);
  });

  it('let the body of a test be long, and nothing else in its file', () => {
    expect(problems(TEST, functionOf(90, "describe('x', () => {", '});'))).toEqual([]);
    expect(problems(TEST, functionOf(90, "it.each([1])('x', () => {", '});'))).toEqual([]);
    expect(problems(TEST, functionOf(90))).toHaveLength(1);
    expect(problems(SOURCE, functionOf(90, "describe('x', () => {", '});'))).toHaveLength(1);
  });

  it('allow 100 columns, and not one more', () => {
    expect(problems(SOURCE, `//${'x'.repeat(98)}`)).toEqual([]);
    expect(problems(SOURCE, `\n//${'ü'.repeat(99)}`)).toEqual([
      `${SOURCE}:2: 101 columns, at most 100 are allowed`,
    ]);
  });
});
