import type { Command } from 'commander';
import type { Io } from '../io.js';
import { inspectFile } from '../offline/inspect.js';
import { Output } from '../output/output.js';
import { formatFacts } from '../output/table.js';
import { type CommonOptions, newCommand } from './command.js';

/** A value of the answer for people. */
const shown = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

const run = async (file: string, options: CommonOptions, io: Io): Promise<void> => {
  const facts = await inspectFile(file);
  const out = new Output(io, options.json === true);
  await out.result(facts, () => {
    const { parts, ...others } = facts;
    const text = formatFacts(Object.entries(others).map(([name, value]) => [name, shown(value)]));
    const lines = Array.isArray(parts) ? parts.map((part) => `\n${JSON.stringify(part)}`) : [];
    return `${text}${lines.join('')}`;
  });
};

/** `retrace inspect`: what a stored file is. */
export const inspectCommand = (io: Io): Command =>
  newCommand({
    usage: 'inspect <file>',
    summary: 'Say what a file of a data directory or state folder is, and what stands in it.',
    examples: [
      ['retrace inspect /var/lib/retrace/format', 'version and identity of a data directory'],
      [
        'retrace inspect /var/lib/retrace/catalog/snapshot-0000000001',
        'every entry of the catalog when the snapshot was taken',
      ],
      ['retrace inspect /var/lib/retrace-agent/identity', "an agent's identity"],
    ],
    notes: 'Reads only; the server or agent may be running.',
  }).action((file: string, options: CommonOptions) => run(file, options, io));
