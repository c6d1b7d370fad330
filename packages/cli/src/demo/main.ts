import { EXIT } from '@retrace/core';
import { CommanderError } from 'commander';
import { type Running, startDemo } from './demo.js';
import { parseDemoOptions } from './options.js';
import { type DemoOptions, demoSettings } from './settings.js';

/** npm hands on a Ctrl-C that the terminal has sent here as well: these two are one. */
const SAME_SIGNAL_MS = 500;

const readOptions = (): DemoOptions => {
  try {
    return parseDemoOptions(process.argv.slice(2));
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exit(EXIT.done);
    if (error instanceof CommanderError) process.exit(EXIT.usage);
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(EXIT.usage);
  }
};

const options = readOptions();
const running: Running = {};
let stoppingSince: number | undefined;

/** The agent first: it has something to say to the server at its end. */
const stopAll = async (): Promise<boolean> => {
  const agent = (await running.agent?.stop()) ?? 0;
  const server = (await running.server?.stop()) ?? 0;
  return agent === 0 && server === 0;
};

const onSignal = (): void => {
  const now = performance.now();
  if (stoppingSince !== undefined && now - stoppingSince < SAME_SIGNAL_MS) return;
  if (stoppingSince !== undefined) {
    void running.agent?.stop();
    void running.server?.stop();
    return;
  }
  stoppingSince = now;
  console.log('\nStopping: the agent, then the server ...');
  void stopAll().then((isClean) => {
    console.log(
      isClean ? 'Stopped cleanly.' : `Stopped, not cleanly: see the logs in ${options.data}.`,
    );
    process.exit(isClean ? 0 : 1);
  });
};

const fail = async (message: string): Promise<void> => {
  if (stoppingSince !== undefined) return;
  stoppingSince = performance.now();
  console.error(`error: ${message}`);
  if (message.startsWith('PORT_IN_USE')) {
    const { listen, nbd } = options;
    console.error(
      `The demo needs ${listen} and ${nbd}: end what listens there, or choose other addresses ` +
        'with npm start -- --listen HOST:PORT --nbd HOST:PORT.',
    );
  }
  await stopAll();
  process.exit(1);
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

try {
  console.log(`Starting a journal server and an agent in ${options.data} ...`);
  console.log(await startDemo(demoSettings(options), running));
  for (const program of [running.server, running.agent]) {
    void program?.exited.then(() => fail(program.lastWords()));
  }
} catch (error) {
  await fail(error instanceof Error ? error.message : String(error));
}
