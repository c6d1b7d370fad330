import { parseVolumeRef, RetraceError } from '@retrace/core';
import type { Command } from 'commander';
import { CheckFailed } from '../check-failed.js';
import { type JsonMap, mapField, mapsField, numberField, textField } from '../client/fields.js';
import type { Io } from '../io.js';
import { verifyStopped } from '../offline/verify.js';
import type { Output } from '../output/output.js';
import { startProgress } from '../output/progress.js';
import { formatCount } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';

interface VerifyOptions extends ServerOptions {
  readonly data?: string;
}

/** Told how far the check is, in units of its own. */
type OnProgress = (done: number, total: number) => void;

const verifyByServer = async (
  volume: string | undefined,
  options: VerifyOptions,
  io: Io,
  onProgress: OnProgress,
): Promise<JsonMap> => {
  const { api } = await openSession(options, io);
  for await (const line of api.postLines('/v1/verify', volume === undefined ? {} : { volume })) {
    const progress = mapField(line, 'progress');
    if (progress !== undefined) {
      onProgress(numberField(progress, 'done') ?? 0, numberField(progress, 'total') ?? 0);
    }
    const result = mapField(line, 'result');
    if (result !== undefined) return result;
  }
  throw new RetraceError(
    'SERVER_UNREACHABLE',
    'the server ended its answer before the check was done: look at its log and check again',
  );
};

/** What was checked: a check of one volume says nothing of the rest. */
const scopeText = (report: JsonMap, volume: string | undefined): string => {
  const checked = mapField(report, 'checked') ?? {};
  if (volume !== undefined) {
    const views = numberField(checked, 'views') ?? 0;
    const instants = `${formatCount(views)} ${views === 1 ? 'instant' : 'instants'}`;
    return `compared ${volume} at ${instants} with a replay of the log, and nothing else`;
  }
  const counts = Object.entries(checked).flatMap(([what, count]) =>
    typeof count === 'number' ? [`${formatCount(count)} ${what}`] : [],
  );
  return counts.length === 0 ? 'checked' : `checked ${counts.join(', ')}`;
};

/** What a check found, for people. */
const reportText = (report: JsonMap, volume: string | undefined): string => {
  const problems = mapsField(report, 'problems').map((problem) => {
    const place = textField(problem, 'place');
    const where = place === undefined ? '' : ` (${place})`;
    const code = textField(problem, 'code') ?? 'PROBLEM';
    return `${code}: ${textField(problem, 'message') ?? ''}${where}`;
  });
  const verdict = report.ok === true ? 'all is well' : 'NOT WELL';
  return [...problems, `${scopeText(report, volume)}: ${verdict}`].join('\n');
};

const finish = async (report: JsonMap, volume: string | undefined, out: Output): Promise<void> => {
  if (report.ok === true) {
    await out.result(report, () => reportText(report, volume));
    return;
  }
  if (!out.json) await out.line(reportText(report, volume));
  const count = mapsField(report, 'problems').length;
  const found = `${count} ${count === 1 ? 'problem' : 'problems'}`;
  throw new CheckFailed(`found ${found}: ${scopeText(report, volume)}`, report);
};

const run = async (volume: string | undefined, options: VerifyOptions, io: Io): Promise<void> => {
  if (volume !== undefined) parseVolumeRef(volume);
  const { out } = await openSession(options, io);
  const progress = startProgress(io, 'checking', 0, options.json === true);
  const onProgress: OnProgress = (done, total) => progress.update(done, total);
  let report: JsonMap;
  try {
    report =
      options.data === undefined
        ? await verifyByServer(volume, options, io, onProgress)
        : await verifyStopped(options.data, volume, onProgress);
  } finally {
    progress.stop();
  }
  await finish(report, volume, out);
};

/** `retrace verify`: reads all that is stored, and says whether it is sound. */
export const verifyCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'verify [volume]',
      summary: 'Read all that is stored, compare it with its checksums, and say what is damaged.',
      examples: [
        ['retrace verify', 'everything, by the running server'],
        ['retrace verify web-01/root --json', 'one volume, for a script'],
        ['retrace verify --data /var/lib/retrace', 'while the server is stopped'],
      ],
      notes: 'Exit status 1 when something is damaged.',
    }).option('--data <dir>', "check a stopped server's data directory"),
    io,
  ).action((volume: string | undefined, options: VerifyOptions) => run(volume, options, io));
