/**
 * Checks the Node version first of all: this file and whoever imports it statically must keep to
 * syntax that old versions parse, or they would die of a syntax error instead of a clear message.
 */

const MINIMUM_MAJOR = 20;
const MINIMUM_MINOR = 11;

/**
 * What to tell the person whose Node is too old, or undefined when it is new enough.
 *
 * @param {string} version such as `20.11.0`
 * @returns {string | undefined}
 */
export function nodeVersionProblem(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > MINIMUM_MAJOR || (major === MINIMUM_MAJOR && minor >= MINIMUM_MINOR);
  if (isEnough) return undefined;
  const minimum = `${MINIMUM_MAJOR}.${MINIMUM_MINOR}`;
  return `Node ${minimum} or newer is needed, this is Node ${version}: see https://nodejs.org`;
}

/** Ends the process with a clear message where Node is too old. */
export function requireNodeVersion() {
  const problem = nodeVersionProblem(process.versions.node);
  if (problem === undefined) return;
  console.error(`error: ${problem}`);
  process.exit(1);
}
