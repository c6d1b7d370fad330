import { median } from '../statistics/summary.js';

/** A figure with its unit, for what is printed beside a line. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** What a line is judged by: the ratio to its peer, or (no peer) its own value. */
export interface Goal {
  readonly better: 'higher' | 'lower';
  readonly must: number;
  readonly aim: number;
}

export type Verdict = 'aim' | 'must' | 'BELOW' | 'info';

/** One line of the table: one figure of one row of the goals. */
export interface Line {
  /** Row of the goals, such as `1`, with a letter where the row has several figures. */
  readonly row: string;
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number | undefined;
  readonly peerName: string;
  /** Median over the rounds of ours / peer of the same round. */
  readonly ratio: number | undefined;
  readonly goal: Goal | undefined;
  readonly verdict: Verdict;
  readonly also: readonly Figure[];
  /** All rounds. */
  readonly rounds: { readonly ours: readonly number[]; readonly peer: readonly number[] };
}

export interface LineInput {
  readonly row: string;
  readonly what: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly peer?: readonly number[];
  readonly peerName?: string;
  /** Absent: the line is there to be looked at. */
  readonly goal?: Goal;
  readonly also?: readonly Figure[];
}

/** Makes a line of the rounds' figures: medians, and the median of the rounds' ratios. */
export function line(input: LineInput): Line {
  const { row, what, unit, ours, peer = [], peerName = '', goal, also = [] } = input;
  const ratio =
    peer.length === 0 ? undefined : median(ours.map((value, round) => value / peer[round]!));
  return {
    row,
    what,
    unit,
    ours: median(ours),
    peer: peer.length === 0 ? undefined : median(peer),
    peerName,
    ratio,
    goal,
    verdict: judge(ratio ?? median(ours), goal),
    also,
    rounds: { ours, peer },
  };
}

function judge(value: number, goal: Goal | undefined): Verdict {
  if (goal === undefined) return 'info';
  const reaches = (bound: number): boolean =>
    goal.better === 'higher' ? value >= bound : value <= bound;
  if (reaches(goal.aim)) return 'aim';
  return reaches(goal.must) ? 'must' : 'BELOW';
}
