import type { Figure, Line } from './line.js';

/** A number with three digits that mean something, or in whole thousands. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}

const formatFigure = ({ name, value, unit }: Figure): string =>
  `${name} ${formatNumber(value)} ${unit}`.trim();

function goalText({ goal, ratio }: Line): string {
  if (goal === undefined) return '';
  const sign = goal.better === 'higher' ? '>=' : '<=';
  const times = ratio === undefined ? '' : 'x';
  return `${sign} ${goal.must}${times}`;
}

function cells(line: Line): string[] {
  const { row, what, unit, ours, peer, peerName, ratio, verdict } = line;
  return [
    row,
    what,
    `${formatNumber(ours)} ${unit}`,
    peer === undefined ? '' : `${formatNumber(peer)} (${peerName})`,
    ratio === undefined ? '' : `${formatNumber(ratio)}x`,
    goalText(line),
    verdict,
  ];
}

const HEADING = ['row', 'what', 'Retrace', 'peer', 'ratio', 'must', 'verdict'];

/** The lines for a terminal, with what stands beside each below it. */
export function formatTable(lines: readonly Line[]): string {
  const rows = [HEADING, ...lines.map(cells)];
  const widths = HEADING.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const format = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return rows
    .flatMap((row, index) => {
      const also = lines[index - 1]?.also ?? [];
      const beside = also.length === 0 ? [] : [`      ${also.map(formatFigure).join(', ')}`];
      return [format(row), ...beside];
    })
    .join('\n');
}

/** The same as a table of a Markdown document. */
export function formatMarkdown(lines: readonly Line[]): string {
  const row = (texts: readonly string[]): string => `| ${texts.join(' | ')} |`;
  const heading = [...HEADING, 'beside it'];
  return [
    row(heading),
    row(heading.map(() => '---')),
    ...lines.map((line) => row([...cells(line), line.also.map(formatFigure).join(', ')])),
  ].join('\n');
}
