import type { MicroResult } from '../micro/micro.js';
import { formatNumber } from './table.js';

/** The micro benchmarks for a terminal. */
export function formatMicro(results: readonly MicroResult[]): string {
  const nameWidth = Math.max(...results.map(({ name }) => name.length));
  return results
    .map(({ name, unit, nsPerUnit, unitsPerSecond, errorPercent }) => {
      const each = `${formatNumber(nsPerUnit)} ns/${unit}`.padStart(20);
      const rate = `${formatNumber(unitsPerSecond)} ${unit}s/s`.padStart(28);
      return `${name.padEnd(nameWidth)}${each}${rate}  +-${errorPercent.toFixed(1)} %`;
    })
    .join('\n');
}
