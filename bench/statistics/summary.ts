/** Values sorted upwards, in an array of their own. */
function sorted(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** The middle one of the values, or the mean of the two in the middle. @throws Error for none */
export function median(values: Iterable<number>): number {
  const all = sorted(values);
  if (all.length === 0) throw new Error('the median of nothing');
  const middle = Math.floor(all.length / 2);
  const upper = all[middle]!;
  return all.length % 2 === 1 ? upper : (all[middle - 1]! + upper) / 2;
}

/** The smallest value that `share` (0 to 1) of all values do not exceed. @throws Error for none */
export function percentile(values: Iterable<number>, share: number): number {
  const all = sorted(values);
  if (all.length === 0) throw new Error('a percentile of nothing');
  return all[Math.min(all.length - 1, Math.max(0, Math.ceil(share * all.length) - 1))]!;
}
