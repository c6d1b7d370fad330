import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../client/api-client.js';
import { type JsonMap, textField } from '../client/fields.js';
import { ServerError } from '../client/server-error.js';
import { guideText } from './guide.js';
import { DemoError, DemoProgram } from './program.js';
import type { DemoSettings } from './settings.js';
import { writeStory } from './story.js';

const START_TIMEOUT_MS = 60_000;
const COMPLETE_TIMEOUT_MS = 20_000;
const STEP_MS = 50;

/** The programs of a demo, as far as they were started. */
export interface Running {
  server?: DemoProgram;
  agent?: DemoProgram;
}

const makeImage = async ({ imagePath, imageBytes }: DemoSettings): Promise<void> => {
  const image = await open(imagePath, 'a', 0o600);
  try {
    if ((await image.stat()).size === 0) await image.truncate(imageBytes);
  } finally {
    await image.close();
  }
};

const isReady = (event: JsonMap): boolean => event.event === 'ready';
const isProtected = (event: JsonMap): boolean =>
  event.event === 'state' && event.state === 'protected';

const startServer = async (settings: DemoSettings, running: Running): Promise<JsonMap> => {
  const { serverDir, http, nbd, data } = settings;
  const args = ['server', '--data', serverDir, '--listen', http, '--nbd', nbd];
  running.server = new DemoProgram('the server', args, join(data, 'server.log'));
  return running.server.event('answer of the server', isReady, START_TIMEOUT_MS);
};

const startAgent = async (
  settings: DemoSettings,
  server: string,
  running: Running,
): Promise<JsonMap> => {
  const { machine, volume, imagePath, agentDir, agentListen, data } = settings;
  const disk = `${volume}=${imagePath},listen=${agentListen}`;
  const where = ['--server', server, '--machine', machine, '--state', agentDir];
  const args = ['agent', ...where, '--volume', disk];
  running.agent = new DemoProgram('the agent', args, join(data, 'agent.log'));
  const ready = await running.agent.event('answer of the agent', isReady, START_TIMEOUT_MS);
  await running.agent.event('protected disk', isProtected, START_TIMEOUT_MS);
  return ready;
};

/** Somebody may have made a token meanwhile: the demo has none. @throws DemoError */
const requireOpen = async (http: string, { data }: DemoSettings): Promise<void> => {
  try {
    await new ApiClient({ url: new URL(http) }).get('/v1/status');
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    throw new DemoError(
      `${error.code}: this demo's server wants tokens since one was made, and the demo has none: ` +
        `start server and agent by hand with tokens, or remove ${data} to begin anew`,
    );
  }
};

/** What was written is in the journal within moments: a command tried at once must find it. */
const waitUntilComplete = async (http: string, target: string): Promise<void> => {
  const api = new ApiClient({ url: new URL(http) });
  const end = performance.now() + COMPLETE_TIMEOUT_MS;
  for (;;) {
    try {
      await api.get('/v1/resolve', { target });
      return;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (performance.now() > end) throw new DemoError(`${error.code}: ${error.message}`);
    }
    await sleep(STEP_MS);
  }
};

/**
 * Starts everything, writes something and says what to try next.
 * @param running - filled in step by step, so that what was started can be stopped at any moment
 * @returns the text for the person who started it
 * @throws DemoError saying what went wrong
 */
export const startDemo = async (settings: DemoSettings, running: Running): Promise<string> => {
  await mkdir(settings.data, { recursive: true, mode: 0o700 });
  await makeImage(settings);
  const server = await startServer(settings, running);
  const http = textField(server, 'http') ?? `http://${settings.http}`;
  const nbd = textField(server, 'nbd') ?? `nbd://${settings.nbd}`;
  await requireOpen(http, settings);
  const agent = await startAgent(settings, http, running);
  const agentUri = textField(agent, 'uri') ?? '';
  const chapters = await writeStory(agentUri, settings);
  const last = chapters.at(-1);
  await waitUntilComplete(http, `${settings.fullName}@${last?.time ?? 'latest'}`);
  return guideText({ settings, http, nbd, agentUri, chapters });
};
