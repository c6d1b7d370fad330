import { afterAll, onTestFinished } from 'vitest';

type Cleanup = () => void | Promise<void>;

/** What was made outside of a test (in `beforeAll`, say) and lives until the end of the file. */
const untilEndOfFile: Cleanup[] = [];

/**
 * Undoes something at the end: of the running test, or of the whole file when no test is running.
 * The newest comes first. One that fails keeps no other from running.
 */
export function atEnd(cleanup: Cleanup): void {
  try {
    onTestFinished(cleanup);
  } catch {
    untilEndOfFile.push(cleanup);
  }
}

/** Runs all of these, newest first, and then throws what went wrong. */
export async function runCleanups(cleanups: Cleanup[]): Promise<void> {
  const errors: unknown[] = [];
  for (let next = cleanups.pop(); next !== undefined; next = cleanups.pop()) {
    try {
      await next();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0] as Error;
  if (errors.length > 1) throw new AggregateError(errors, 'several cleanups failed');
}

// Registered first, so run last: vitest runs `afterAll` hooks in reverse.
afterAll(() => runCleanups(untilEndOfFile));
