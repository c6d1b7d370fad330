/** What one check of `retrace doctor` found. */
export interface Finding {
  /** Name of the check. */
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** What to do about it; empty when it is ok. */
  readonly advice: string;
}

export const ok = (check: string, message: string): Finding => ({
  check,
  status: 'ok',
  message,
  advice: '',
});

/** Something that will hurt one day, or that one command cannot do without. */
export const warn = (check: string, message: string, advice: string): Finding => ({
  check,
  status: 'warn',
  message,
  advice,
});

/** Something that does not work. */
export const fail = (check: string, message: string, advice: string): Finding => ({
  check,
  status: 'fail',
  message,
  advice,
});
