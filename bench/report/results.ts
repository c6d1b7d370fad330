import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from '../system/machine.js';
import type { Line } from './line.js';

/** A run as it is written to a file. */
export interface Results {
  readonly startedAt: string;
  readonly tookSeconds: number;
  readonly commit: string;
  readonly machine: Machine;
  /** The most of the CPUs that others used just before a measurement, 0 to 1. */
  readonly busyShareMax: number;
  readonly options: object;
  readonly lines: readonly Line[];
  /** Rows that could not be measured, and why. */
  readonly failures: readonly { readonly rows: string; readonly reason: string }[];
}

/** Writes a run as JSON; returns where. Default: a file of its own in `bench/results`. */
export function writeResults(results: Results, file: string | undefined, root: string): string {
  const name = `${results.startedAt.replaceAll(/[:.]/g, '-')}.json`;
  const path = file ?? join(root, 'bench', 'results', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  return path;
}

/** The machine in one line for people. */
export function formatMachine({ machine, commit, busyShareMax }: Results): string {
  const { cores, cpu, kernel, memoryBytes, node, filesystem, fio, nbdkit, qemu } = machine;
  const memory = `${Math.round(memoryBytes / 2 ** 30)} GiB`;
  return [
    `${cores} cores (${cpu}), ${memory}, Linux ${kernel}, ${filesystem}, Node ${node}`,
    `${fio}; ${nbdkit}; ${qemu}`,
    `commit ${commit}; others used up to ${Math.round(busyShareMax * 100)} % of the CPUs`,
  ].join('\n');
}
