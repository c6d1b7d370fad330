import { readFile } from 'node:fs/promises';
import type { ProcessId } from './mount-state.js';
import { waitUntil } from './wait-until.js';

/** Field 22 of /proc/PID/stat, counted behind the name, which may hold anything. */
const START_FIELD = 19;
const GENTLE_MS = 10_000;

/** Start of a process in clock ticks since boot; undefined when there is none of that number. */
const startTicksOf = async (pid: number): Promise<number | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[START_FIELD]);
  // A process that has ended and is only waiting for its parent to ask is gone.
  return stat === '' || fields[0] === 'Z' || !Number.isSafeInteger(ticks) ? undefined : ticks;
};

/** A running process as what it can be known by later; undefined when it has ended. */
export const identify = async (pid: number): Promise<ProcessId | undefined> => {
  const startTicks = await startTicksOf(pid);
  return startTicks === undefined ? undefined : { pid, startTicks };
};

/** True while that very process runs. */
export const isRunning = async ({ pid, startTicks }: ProcessId): Promise<boolean> =>
  (await startTicksOf(pid)) === startTicks;

/**
 * Waits until a process has ended by itself; asks it to end after 10 s.
 * @returns false when it runs still
 */
export const waitForEnd = async (process_: ProcessId): Promise<boolean> => {
  const hasEnded = async (): Promise<boolean> => !(await isRunning(process_));
  if (await waitUntil(hasEnded, GENTLE_MS)) return true;
  process.kill(process_.pid, 'SIGTERM');
  return waitUntil(hasEnded, GENTLE_MS);
};
