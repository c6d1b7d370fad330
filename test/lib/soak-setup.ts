import fc from 'fast-check';

const RUNS_PER_PROPERTY = 5_000;

/** Loaded before each test file of the long run: properties are tried far more often. */
fc.configureGlobal({ numRuns: RUNS_PER_PROPERTY, interruptAfterTimeLimit: 1_800_000 });
