const GAP = '  ';

/** Columns aligned to the left, a heading above; the last column may be as long as it likes. */
export const formatTable = (
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string => {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => [...(row[column] ?? '')].length)),
  );
  return all.map((row) => formatRow(row, widths)).join('\n');
};

const formatRow = (row: readonly string[], widths: readonly number[]): string =>
  row
    .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
    .join(GAP)
    .trimEnd();

/** Facts one below the other, the values aligned; facts that are undefined are left out. */
export const formatFacts = (
  facts: readonly (readonly [name: string, value: string | undefined])[],
): string => {
  const shown = facts.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}`).join('\n');
};
