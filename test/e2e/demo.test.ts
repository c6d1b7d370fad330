import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import {
  type Program,
  type RetraceResult,
  retrace,
  spawnProgram,
  tempDir,
  waitFor,
} from '../lib/index.js';

const DEMO = fileURLToPath(new URL('../../packages/cli/dist/demo/main.js', import.meta.url));
const START_TIMEOUT_MS = 30_000;
const TEXTS = [/^Monday: all figures are in\./, /^Wednesday: YOUR FILES HAVE BEEN ENCRYPTED\./];

/** Starts what `npm start` starts, beside any other, and waits until it says what to try. */
async function startDemo(data: string): Promise<Program> {
  const demo = spawnProgram({
    name: 'the demo',
    command: process.execPath,
    args: [DEMO, '--data', data, '--listen', '127.0.0.1:0', '--nbd', '127.0.0.1:0'],
  });
  await waitFor(() => demo.stdout.includes('Ctrl-C stops it') || demo.exit !== undefined, {
    what: 'the text of the demo',
    timeoutMs: START_TIMEOUT_MS,
    detail: () => demo.describe(),
  });
  expect(demo.exit, demo.describe()).toBeUndefined();
  return demo;
}

/** The arguments of each `npx retrace` it names, but for those that want root. */
const commandsOf = ({ stdout }: Program): string[][] =>
  [...stdout.matchAll(/^ +npx retrace (.+)$/gm)].map(([, args = '']) => args.split(' '));

/** `-2s` can be had once the journal is known to be complete up to there: within a second or so. */
const runNamed = (args: readonly string[]): Promise<RetraceResult> =>
  waitFor(() => retrace(args, { accept: [0] }), { what: args.join(' ') });

/** Runs every command the demo names; the two exports show two instants of the same bytes. */
async function expectGuideToWork(demo: Program): Promise<string[][]> {
  const commands = commandsOf(demo);
  const names = commands.map(([name]) => name);
  expect(names).toEqual(['export', 'export', 'status', 'timeline', 'resolve']);
  const results: RetraceResult[] = [];
  for (const args of commands) results.push(await runNamed(args));
  for (const [at, text] of TEXTS.entries()) expect(results[at]?.stdout).toMatch(text);
  expect(results[2]?.stdout).toContain('demo/disk');
  return commands;
}

/** Ctrl-C: everything it started ends with it, in order. */
async function stopDemo(demo: Program): Promise<void> {
  expect(await demo.kill('SIGINT')).toEqual({ status: 0, signal: null });
  expect(demo.stdout).toContain('Stopped cleanly.');
}

it('does what it says, ends in order, and goes on with the same history', async () => {
  const data = join(tempDir(), 'demo');
  const first = await startDemo(data);
  const [[, target = ''] = []] = await expectGuideToWork(first);
  await stopDemo(first);

  const second = await startDemo(data);
  const [[, ...others] = []] = await expectGuideToWork(second);
  expect(others[0]).not.toBe(target);
  // What could be read before the restart reads the same.
  const { stdout } = await retrace(['export', target, ...others.slice(1)], { accept: [0] });
  expect(stdout).toMatch(TEXTS[0]!);
  await stopDemo(second);
}, 120_000);

it('refuses what it does not know, before it starts anything', async () => {
  const data = join(tempDir(), 'demo');
  const demo = spawnProgram({
    command: process.execPath,
    args: [DEMO, '--data', data, '--nbd', 'x'],
  });
  expect(await demo.exited).toEqual({ status: 2, signal: null });
  expect(demo.stderr).toBe(
    'error: --nbd: "x" is not an address: write HOST:PORT, for example 127.0.0.1:10809\n',
  );
});
