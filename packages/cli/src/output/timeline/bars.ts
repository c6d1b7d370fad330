const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const LEVELS = BARS.length;

/** How values become bars. */
export interface Scale {
  readonly kind: 'linear' | 'log';
  /** The smallest value above 0. */
  readonly least: number;
  readonly most: number;
}

/**
 * Linear, unless that would leave half of the bars at the lowest level: then logarithmic, from the
 * smallest to the largest. Undefined when no value is above 0.
 */
export const scaleOf = (values: readonly number[]): Scale | undefined => {
  const sorted = values.filter((value) => value > 0).sort((left, right) => left - right);
  const least = sorted[0];
  const most = sorted.at(-1);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (least === undefined || most === undefined || median === undefined) return undefined;
  return { kind: median <= most / LEVELS ? 'log' : 'linear', least, most };
};

const levelOf = ({ kind, least, most }: Scale, value: number): number => {
  if (kind === 'linear') return Math.ceil((value / most) * LEVELS);
  const share = Math.log(value / least) / Math.log(most / least);
  // A power of the base must not fall below its level by rounding.
  return 1 + Math.floor(share * LEVELS + 1e-9);
};

/** A bar for a value above 0: the largest is the highest. */
export const barOf = (scale: Scale, value: number): string =>
  BARS[Math.min(Math.max(levelOf(scale, value), 1), LEVELS) - 1] ?? BARS[0];

/** Says what the bars stand for. */
export const scaleText = (
  { kind, least, most }: Scale,
  format: (value: number) => string,
): string =>
  kind === 'linear'
    ? `linear scale, █ is ${format(most)}`
    : `log scale, ▁ is ${format(least)}, █ is ${format(most)}`;
