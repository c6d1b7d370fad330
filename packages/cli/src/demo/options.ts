import { Command } from 'commander';
import { formatAddress, parseHostPort } from '../config/listen-address.js';
import type { DemoOptions } from './settings.js';

/**
 * Reads what stands behind `npm start --`.
 * @throws CommanderError, its message printed already (exit code 0: help); RetraceError USAGE
 */
export const parseDemoOptions = (args: readonly string[]): DemoOptions => {
  const { data, listen, nbd } = new Command('npm start --')
    .description('Start a server and an agent with a demo disk, and say what to try.')
    .option('--data <dir>', 'the folder of all it keeps; made where it is missing', './data')
    .option('--listen <host:port>', 'HTTP and agents', '127.0.0.1:7400')
    .option('--nbd <host:port>', 'any instant, over NBD', '127.0.0.1:10809')
    .allowExcessArguments(false)
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts<DemoOptions>();
  return {
    data,
    listen: formatAddress(parseHostPort(listen, '--listen')),
    nbd: formatAddress(parseHostPort(nbd, '--nbd')),
  };
};
