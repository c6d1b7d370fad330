import { Bench } from 'tinybench';
import { addChecksumTasks } from './checksum.js';
import { addCodecTasks } from './codec.js';
import { addHotIndexTasks } from './hot-index.js';
import { addNbdTasks } from './nbd-requests.js';
import type { AddTask } from './task.js';

/** A task's figures: of one operation, which may cover many records. */
export interface MicroResult {
  readonly name: string;
  /** What one call of the task handles: records, requests or bytes. */
  readonly perCall: number;
  readonly unit: string;
  readonly nsPerUnit: number;
  readonly unitsPerSecond: number;
  /** Relative margin of error of the mean, in percent. */
  readonly errorPercent: number;
}

const TIME_MS = 700;
const WARMUP_MS = 200;

/** Runs all micro benchmarks, one after the other. */
export async function runMicro(): Promise<MicroResult[]> {
  const bench = new Bench({ time: TIME_MS, warmupTime: WARMUP_MS });
  const units = new Map<string, { readonly perCall: number; readonly unit: string }>();
  const add: AddTask = (name, perCall, unit, run) => {
    units.set(name, { perCall, unit });
    bench.add(name, async () => {
      await run();
    });
  };
  addCodecTasks(add);
  addChecksumTasks(add);
  addHotIndexTasks(add);
  const closeNbd = await addNbdTasks(add);
  await bench.run();
  await closeNbd();
  return bench.tasks.map(({ name, result }) => {
    const { perCall, unit } = units.get(name) ?? { perCall: 1, unit: 'call' };
    if (!('latency' in result)) throw new Error(`${name} did not run: ${result.state}`);
    const nsPerUnit = (result.latency.mean * 1e6) / perCall;
    return {
      name,
      perCall,
      unit,
      nsPerUnit,
      unitsPerSecond: 1e9 / nsPerUnit,
      errorPercent: result.latency.rme,
    };
  });
}
