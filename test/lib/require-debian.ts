import { appendFileSync } from 'node:fs';
import { describe } from 'vitest';
import { isAvailable, type Requirement, remedyOf } from '../../scripts/lib/debian.mjs';

/**
 * Whether all of these programs (or `root`, `fuse`, `loop`) are there. Where not, it is noted for
 * the list at the end of `npm test`. For whole suites use {@link describeWith}: it knows the name.
 *
 * @throws Error with RETRACE_REQUIRE_DEBIAN=1 when one is missing: nothing may be skipped then
 */
export function requireDebian(...requirements: readonly Requirement[]): boolean {
  return requireFor('', callerFile(), requirements);
}

/** A suite that needs programs: skipped, and listed by name, where one is missing. */
export function describeWith(
  requirements: readonly Requirement[],
  suite: string,
  body: () => void,
): void {
  describe.skipIf(!requireFor(suite, callerFile(), requirements))(suite, body);
}

function requireFor(suite: string, file: string, requirements: readonly Requirement[]): boolean {
  const missing = requirements.filter((requirement) => !isAvailable(requirement));
  if (missing.length === 0) return true;
  if (process.env.RETRACE_REQUIRE_DEBIAN === '1') {
    const list = missing.map((requirement) => `${requirement} (${remedyOf(requirement)})`);
    throw new Error(`${suite || file} needs what is not here: ${list.join(', ')}`);
  }
  const skipsFile = process.env.RETRACE_SKIPS_FILE;
  if (skipsFile !== undefined) {
    appendFileSync(skipsFile, `${JSON.stringify({ file, suite, missing })}\n`);
  }
  return false;
}

/** The test file that called: the report at the end goes by files. */
function callerFile(): string {
  const stack = new Error().stack ?? '';
  return /(?:file:\/\/)?(\/[^\s():]*\.test\.ts)/.exec(stack)?.[1] ?? 'unknown.test.ts';
}
