import { spawn } from 'node:child_process';
import { ROOT } from './paths.mjs';

/**
 * How a command ended.
 *
 * @typedef {{ ok: true } | { ok: false, reason: string }} RunResult
 */

/**
 * How a step ended: it may have found nothing to do, or have something to tell.
 *
 * @typedef {RunResult & { isSkipped?: boolean, note?: string }} StepResult
 */

/**
 * Runs a command in the root of the clone. Its output goes to the terminal; it gets no stdin, so
 * that nothing ever waits for an answer.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [extraEnv]
 * @returns {Promise<RunResult>}
 */
export function run(command, args, extraEnv = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...extraEnv },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', (error) => resolve({ ok: false, reason: error.message }));
    child.once('close', (status, signal) => {
      if (status === 0) return resolve({ ok: true });
      const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
      resolve({ ok: false, reason: `\`${[command, ...args].join(' ')}\` ended with ${how}` });
    });
  });
}
