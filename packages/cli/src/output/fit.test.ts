import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitCommand, fitTable, wrapText } from './fit.js';

const word = fc.string({ unit: fc.constantFrom(...'abc/@:.-é█'), minLength: 1, maxLength: 70 });
const words = fc.array(word, { minLength: 1, maxLength: 12 }).map((all) => all.join(' '));
const width = fc.integer({ min: 8, max: 100 });
const longest = (lines: readonly string[]): number =>
  Math.max(...lines.map((line) => [...line].length));

/** What a POSIX shell makes of the lines: a backslash before a newline and that go. */
const shellWords = (lines: readonly string[]): readonly string[] =>
  lines.join('\n').replaceAll('\\\n', '').trim().split(/ +/);

describe('text that fits', () => {
  it('is broken between words, the rest indented', () => {
    expect(wrapText('one two three', 8, '  ')).toEqual(['one two', '  three']);
    expect(wrapText('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrapText('', 8)).toEqual([]);
  });

  it('is never wider, and loses nothing', () => {
    fc.assert(
      fc.property(words, width, (text, columns) => {
        const lines = wrapText(text, columns, '  ');
        expect(longest(lines)).toBeLessThanOrEqual(columns);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });

  it('is a table where there is room, else a paragraph a row', () => {
    const table = (columns: number) =>
      fitTable(
        ['NAME', 'SIZE'],
        [
          ['root', ' 1 GiB'],
          ['a-longer-name', '20 GiB'],
        ],
        columns,
      );
    expect(table(21)).toEqual([
      'NAME           SIZE',
      'root            1 GiB',
      'a-longer-name  20 GiB',
    ]);
    expect(table(20)).toEqual([
      'NAME root, SIZE 1',
      '  GiB',
      'NAME a-longer-name,',
      '  SIZE 20 GiB',
    ]);
  });

  it('is a command that a shell reads as one', () => {
    expect(fitCommand('retrace status --json', 80)).toEqual(['  retrace status --json']);
    expect(fitCommand('retrace status --json', 20)).toEqual(['  retrace status \\', '    --json']);
    expect(fitCommand('cat abcdefghijkl', 8)).toEqual(['  cat \\', '    ab\\', 'cdefgh\\', 'ijkl']);
  });

  it('is the same command at every width', () => {
    fc.assert(
      fc.property(words, width, (text, columns) => {
        const lines = fitCommand(text, columns);
        expect(longest(lines)).toBeLessThanOrEqual(columns);
        expect(shellWords(lines)).toEqual(text.split(' '));
      }),
    );
  });
});
