import { readFileSync } from 'node:fs';

/** What a process and all its threads have used so far (/proc, Linux only). */
export interface ProcessUsage {
  readonly atMs: number;
  /** User and system time; the kernel counts in steps of 10 ms. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The most it ever held. */
  readonly peakRssBytes: number;
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export function readUsage(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name, in parentheses, may hold spaces: fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return {
    atMs: performance.now(),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    rssBytes: kibibytes(status, 'VmRSS') * 1024,
    peakRssBytes: kibibytes(status, 'VmHWM') * 1024,
  };
}

function kibibytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
}

/** Share of one core used between two readings: 1 is a whole core. */
export function cpuShare(from: ProcessUsage, to: ProcessUsage): number {
  return (to.cpuMs - from.cpuMs) / (to.atMs - from.atMs);
}
