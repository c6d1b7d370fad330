import { formatTable } from './table.js';

const lengthOf = (text: string): number => [...text].length;

/** A word as pieces of `width` or less. */
const piecesOf = (word: string, width: number): readonly string[] => {
  const chars = [...word];
  const pieces: string[] = [];
  for (let at = 0; at < chars.length; at += width) {
    pieces.push(chars.slice(at, at + width).join(''));
  }
  return pieces;
};

/**
 * Text in lines of at most `width` characters, broken between words, and within a word only where
 * it alone is too long. Lines after the first begin with `indent`.
 */
export const wrapText = (text: string, width: number, indent = ''): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  const room = Math.max(1, width - indent.length);
  for (const piece of text.split(/\s+/).flatMap((word) => piecesOf(word, room))) {
    if (line === '') line = piece;
    else if (lengthOf(line) + 1 + lengthOf(piece) <= width) line += ` ${piece}`;
    else {
      lines.push(line);
      line = indent + piece;
    }
  }
  return line === '' ? lines : [...lines, line];
};

/**
 * A table in lines of at most `width` characters. Where its columns need more than that, each row
 * becomes a paragraph that names its cells.
 */
export const fitTable = (
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly string[] => {
  const lines = formatTable(heading, rows).split('\n');
  if (lines.every((line) => lengthOf(line) <= width)) return lines;
  return rows.flatMap((row) => {
    const cells = row.map((cell, column) => `${heading[column] ?? ''} ${cell.trim()}`);
    return wrapText(cells.join(', '), width, '  ');
  });
};

/**
 * A command line in lines of at most `width` characters (4 or more), which a shell reads as the
 * one that it is: a backslash ends each line that goes on. Broken between words, and within a word
 * only where it alone is too long; what goes on within a word cannot be indented.
 */
export const fitCommand = (command: string, width: number): readonly string[] => {
  const lines: string[] = [];
  let line = ' ';
  for (const word of command.split(' ')) {
    if (lengthOf(line) + 1 + lengthOf(word) > width - 2 && line.trim() !== '') {
      lines.push(`${line} \\`);
      line = '   ';
    }
    let rest = [...`${line} ${word}`];
    // Room for what may have to end the line: a space and a backslash.
    while (rest.length > width - 2) {
      lines.push(`${rest.slice(0, width - 2).join('')}\\`);
      rest = rest.slice(width - 2);
    }
    line = rest.join('');
  }
  return line.trim() === '' ? lines : [...lines, line];
};
