import { homedir } from 'node:os';
import { EXIT, systemErrorCode } from '@retrace/core';
import type { Io } from './io.js';
import { runCli } from './run-cli.js';
import { programFinder } from './system/programs.js';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

const onStop: Io['onStop'] = (listener) => {
  let isAsked = false;
  const take = (signal: NodeJS.Signals): void => {
    isAsked = true;
    listener(signal);
  };
  // The end of stdin stops what a program has started that is gone: not what is stopping already.
  const takeEnd = (): void => {
    if (!isAsked) take('SIGHUP');
  };
  for (const signal of STOP_SIGNALS) process.on(signal, take);
  if (process.env.RETRACE_STOP_WITH_STDIN === '1') process.stdin.resume().once('end', takeEnd);
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, take);
    if (process.env.RETRACE_STOP_WITH_STDIN === '1') process.stdin.off('end', takeEnd).destroy();
  };
};

const realIo = (): Io => ({
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  nowMs: Date.now,
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  isStderrTerminal: process.stderr.isTTY === true,
  home: homedir(),
  uid: process.getuid?.() ?? -1,
  findProgram: programFinder(process.env.PATH),
  onStop,
});

/** A reader that goes away (`| head`) ends the output, and is not an error. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (systemErrorCode(error) !== 'EPIPE') throw error;
  });
}

const failHard = (error: unknown): never => {
  const text = error instanceof Error ? error : new Error(String(error));
  const shown = process.env.RETRACE_DEBUG === '1' ? (text.stack ?? text.message) : text.message;
  process.stderr.write(`retrace: INTERNAL: ${shown}\n`);
  process.exit(EXIT.failed);
};
process.on('uncaughtException', failHard);
process.on('unhandledRejection', failHard);

process.exitCode = await runCli(process.argv.slice(2), realIo());
