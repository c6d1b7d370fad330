import { describe, expect, it } from 'vitest';
import { formatFindings } from './finding.js';
import { virtualSources } from './source-file.js';
import { loadSources } from './source-tree.js';
import { checkWording } from './wording.js';

function problems(text: string, path = 'packages/core/src/a.ts'): string[] {
  return checkWording(virtualSources({ [path]: text })).map(
    ({ line, message }) => `${line}: ${message}`,
  );
}

describe('wording', () => {
  it('is in order in this repository', () => {
    expect(formatFindings(checkWording(loadSources()))).toEqual([]);
  });

  it.each(['TODO', 'FIXME', 'XXX', '@ts-ignore', '@ts-nocheck'])(
    'finds %s in a comment',
    (word) => {
      expect(problems(`let a = 1;\n// ${word} later`)).toEqual([
        `2: '${word}' marks unfinished work`,
      ]);
      expect(problems(`/** ${word} */\nlet a = 1;`)).toEqual([
        `1: '${word}' marks unfinished work`,
      ]);
      expect(problems(`const text = '${word}';`)).toEqual([]);
    },
  );

  it('finds `any`, but not the word', () => {
    expect(problems('let a: any;')).toHaveLength(1);
    expect(problems('const a = b as any;')).toHaveLength(1);
    expect(problems('let a: Map<string, any[]>;')).toHaveLength(1);
    expect(problems('// any time\nconst any = 1;')).toEqual([]);
  });

  it('finds enums and default exports', () => {
    expect(problems('enum A { b }')).toHaveLength(1);
    expect(problems('const enum A { b }')).toHaveLength(1);
    expect(problems('export default 1;')).toHaveLength(1);
    expect(problems('export default class A {}')).toHaveLength(1);
    expect(problems('const a = 1; export { a as default };')).toHaveLength(1);
  });

  it('finds a test that leaves the others out', () => {
    const path = 'packages/core/src/a.test.ts';
    expect(problems("it.only('x', () => {});", path)).toHaveLength(1);
    expect(problems("describe.only.each([1])('x', () => {});", path)).toHaveLength(1);
    expect(problems('set.only(1);', path)).toEqual([]);
  });
});
