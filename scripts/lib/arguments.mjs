/**
 * What `npm test` was asked to do.
 *
 * @typedef {object} TestOptions
 * @property {boolean} isSoak run much longer, with many more random cases
 * @property {boolean} mayNotSkip count whatever is skipped as failed
 * @property {readonly string[]} vitestArguments file filters and options handed on to vitest
 */

/**
 * Reads the arguments after `npm test --`. What is not ours belongs to vitest.
 *
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {TestOptions}
 */
export function readArguments(args, env) {
  const own = new Set(['--soak', '--no-skips']);
  const isCi = env.CI !== undefined && !['', '0', 'false'].includes(env.CI);
  return {
    isSoak: args.includes('--soak'),
    mayNotSkip: isCi || args.includes('--no-skips'),
    vitestArguments: args.filter((arg) => !own.has(arg)),
  };
}
