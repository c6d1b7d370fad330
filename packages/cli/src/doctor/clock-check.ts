import { type Finding, fail, ok, warn } from './finding.js';

const WARN_MS = 2000;
const FAIL_MS = 60_000;
const TIMEOUT_MS = 5000;
/** No clock that is right shows less: 2025-01-01. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);

const ADVICE = 'let chrony or systemd-timesyncd set the clock, on both machines';

/**
 * Compares two clocks.
 * @param serverMs - the server's Date header, whole seconds
 */
export const judgeClock = (localMs: number, serverMs: number): Finding => {
  // The header has whole seconds, and was made a moment before.
  const offMs = localMs - (serverMs + 500);
  const seconds = (Math.abs(offMs) / 1000).toFixed(1);
  const text = `this clock is ${seconds} s ${offMs < 0 ? 'behind' : 'ahead of'} the server's`;
  if (Math.abs(offMs) > FAIL_MS) return fail('clock', text, ADVICE);
  if (Math.abs(offMs) > WARN_MS) return warn('clock', text, ADVICE);
  return ok('clock', 'this clock and that of the server agree');
};

/** The clock against the server's; by itself when no server answers. */
export const checkClock = async (url: URL, nowMs: () => number): Promise<Finding> => {
  if (nowMs() < EARLIEST_MS) {
    return fail('clock', `it shows ${new Date(nowMs()).toISOString()}`, ADVICE);
  }
  const response = await fetch(new URL('/healthz', url), {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => undefined);
  await response?.arrayBuffer().catch(() => undefined);
  const serverMs = Date.parse(response?.headers.get('date') ?? '');
  if (!Number.isNaN(serverMs)) return judgeClock(nowMs(), serverMs);
  return ok('clock', `${new Date(nowMs()).toISOString()} (no server answers to compare it with)`);
};
