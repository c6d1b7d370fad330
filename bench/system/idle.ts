import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

function readCpuTimes(): CpuTimes {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  // user nice system idle iowait irq softirq steal
  const idle = ticks[3]! + ticks[4]!;
  return { idle, total: ticks.reduce((sum, value) => sum + value, 0) };
}

/** Share of the machine's CPU time that others use, watched for a while: 0 is an idle machine. */
export async function busyShare(watchMs: number): Promise<number> {
  const before = readCpuTimes();
  await sleep(watchMs);
  const after = readCpuTimes();
  return 1 - (after.idle - before.idle) / (after.total - before.total);
}
