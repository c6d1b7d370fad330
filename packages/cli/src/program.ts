import { RetraceError } from '@retrace/core';
import { Command } from 'commander';
import { agentCommand } from './commands/agent.js';
import { bookmarkCommand } from './commands/bookmark.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { inspectCommand } from './commands/inspect.js';
import { mountCommand } from './commands/mount.js';
import { resolveCommand } from './commands/resolve.js';
import { serverCommand } from './commands/server.js';
import { statusCommand } from './commands/status.js';
import { timelineCommand } from './commands/timeline.js';
import { tokenCommand } from './commands/token.js';
import { umountCommand } from './commands/umount.js';
import { verifyCommand } from './commands/verify.js';
import { volumesCommand } from './commands/volumes.js';
import type { Io } from './io.js';
import { VERSION } from './version.js';

/** In the order in which people meet them. */
const COMMANDS: readonly ((io: Io) => Command)[] = [
  serverCommand,
  agentCommand,
  statusCommand,
  volumesCommand,
  timelineCommand,
  resolveCommand,
  bookmarkCommand,
  mountCommand,
  umountCommand,
  exportCommand,
  verifyCommand,
  inspectCommand,
  tokenCommand,
  doctorCommand,
];

/** Commands of the design that are still to come. */
const LATER_COMMANDS = [
  'restore',
  'clone',
  'clones',
  'clone-delete',
  'diff',
  'history',
  'bisect',
  'failover',
  'failback',
  'policy',
  'import-log',
];

const unknownCommand = (name: string, known: readonly string[]): RetraceError => {
  const others = LATER_COMMANDS.filter((later) => later !== name).join(', ');
  const hint = LATER_COMMANDS.includes(name)
    ? `"${name}" is not in this version of retrace (nor are ${others})`
    : `there is no command "${name}"`;
  return new RetraceError('USAGE', `${hint}; the commands are: ${known.join(', ')}`);
};

/** Errors are thrown to the caller, who shows them; help goes where the Io says. */
const isolate = (command: Command, io: Io): void => {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: () => {},
    ...(io.columns === undefined ? {} : { getOutHelpWidth: () => io.columns! }),
  });
  for (const child of command.commands) isolate(child, io);
};

/** The whole command line. Nothing runs before it is parsed. */
export const buildProgram = (io: Io): Command => {
  const program = new Command('retrace')
    .description('Continuous data protection for block devices: mount any past instant.')
    .version(VERSION, '-V, --version', 'print the version')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', '\nretrace COMMAND --help shows examples.');
  for (const command of COMMANDS) program.addCommand(command(io));
  const known = program.commands.map((command) => command.name());
  program.argument('[command]').action((name: string | undefined) => {
    if (name !== undefined) throw unknownCommand(name, known);
    throw new RetraceError('USAGE', `which command? They are: ${known.join(', ')}; see --help`);
  });
  program.allowExcessArguments(true).allowUnknownOption(true);
  isolate(program, io);
  return program;
};
