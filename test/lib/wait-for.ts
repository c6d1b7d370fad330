import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait, and for what. */
export interface WaitOptions {
  /** What is awaited, for the error: "volume web-01/root is protected". */
  readonly what: string;
  readonly timeoutMs?: number;
  /** Added to the error: the state of things, the tail of a log. */
  readonly detail?: () => string;
}

const TIMEOUT_MS_DEFAULT = 10_000;
const INTERVAL_MS_MIN = 5;
const INTERVAL_MS_MAX = 200;

/** What a condition may answer: anything but these means that it holds. */
type NotYet = false | undefined | null;

/**
 * Asks until the condition holds, and returns what it answered. A condition that throws does not
 * hold yet; its last error becomes the cause when time runs out.
 */
export async function waitFor<T>(
  condition: () => T | NotYet | Promise<T | NotYet>,
  options: WaitOptions,
): Promise<T> {
  const { what, timeoutMs = TIMEOUT_MS_DEFAULT, detail } = options;
  const endMs = performance.now() + timeoutMs;
  let intervalMs = INTERVAL_MS_MIN;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await condition();
      if (answer !== false && answer !== undefined && answer !== null) return answer;
    } catch (error) {
      cause = error;
    }
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) throw timedOut(what, timeoutMs, detail?.(), cause);
    await sleep(Math.min(intervalMs, leftMs));
    intervalMs = Math.min(intervalMs * 1.5, INTERVAL_MS_MAX);
  }
}

/** Gives up on a promise that takes too long. What it stands for goes on: end it yourself. */
export async function withTimeout<T>(promise: Promise<T>, options: WaitOptions): Promise<T> {
  const { what, timeoutMs = TIMEOUT_MS_DEFAULT, detail } = options;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut(what, timeoutMs, detail?.())), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function timedOut(what: string, timeoutMs: number, detail = '', cause?: unknown): Error {
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  const message = `waited ${timeoutMs} ms in vain for: ${what}${reason}`;
  return new Error(detail === '' ? message : `${message}\n${detail}`, { cause });
}
