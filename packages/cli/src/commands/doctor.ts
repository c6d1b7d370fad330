import type { Command } from 'commander';
import { CheckFailed } from '../check-failed.js';
import { parseServerUrl } from '../client/server-url.js';
import { parseHostPort, parseListenAddress } from '../config/listen-address.js';
import { checkClock } from '../doctor/clock-check.js';
import type { Finding } from '../doctor/finding.js';
import { checkFolder, checkTokenFile } from '../doctor/folder-checks.js';
import { checkMounts } from '../doctor/mount-check.js';
import { checkPort } from '../doctor/port-checks.js';
import { checkAttaching, checkNode, checkPrograms, readKernel } from '../doctor/system-checks.js';
import type { Io } from '../io.js';
import { runtimeDir } from '../mount/runtime-dir.js';
import { Output } from '../output/output.js';
import { newCommand, type ServerOptions, withServerOptions } from './command.js';
import { rebuildCatalogOf } from './doctor-rebuild.js';

interface DoctorOptions extends ServerOptions {
  readonly data?: string;
  readonly state?: string;
  readonly listen?: string;
  readonly nbd: string;
  readonly rebuildCatalog?: boolean;
}

const SIGNS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

/** The findings for people: what to do stands below each that is not ok. */
export const findingsText = (findings: readonly Finding[]): string =>
  findings
    .map(({ check, status, message, advice }) => {
      const line = `${SIGNS[status]}  ${check}: ${message}`;
      return advice === '' ? line : `${line}\n      -> ${advice}`;
    })
    .join('\n');

const examine = async (options: DoctorOptions, io: Io): Promise<readonly Finding[]> => {
  const url = parseServerUrl(options.server);
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const listen = parseHostPort(options.listen ?? `${url.hostname}:${port}`, '--listen');
  const { data, state } = options;
  return [
    checkNode(process.versions.node),
    ...(data === undefined ? [] : await checkFolder('data', data)),
    ...(state === undefined ? [] : await checkFolder('state', state)),
    await checkPort('http', listen),
    await checkPort('nbd', parseListenAddress(options.nbd, '--nbd')),
    ...checkAttaching(readKernel(), io.findProgram),
    ...checkPrograms(io.findProgram),
    await checkClock(url, io.nowMs),
    await checkTokenFile(io, options.tokenFile),
    await checkMounts(runtimeDir(io)),
  ];
};

const run = async (options: DoctorOptions, io: Io): Promise<void> => {
  if (options.rebuildCatalog === true) {
    await rebuildCatalogOf(options.data, new Output(io, options.json === true));
    return;
  }
  const findings = await examine(options, io);
  const failed = findings.filter(({ status }) => status === 'fail');
  const report = { ok: failed.length === 0, findings };
  const out = new Output(io, options.json === true);
  if (failed.length === 0) {
    await out.result(report, () => findingsText(findings));
    return;
  }
  if (!out.json) await out.line(findingsText(findings));
  const names = failed.map(({ check }) => check).join(', ');
  throw new CheckFailed(`${names}: see above for what to do`, report);
};

/** `retrace doctor`: what is missing on this machine, and what to do. */
export const doctorCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'doctor',
      summary: 'Check this machine: Node, disk space, ports, mounting, clock, tokens, folders.',
      examples: [
        ['retrace doctor', 'what every machine needs'],
        ['retrace doctor --data /var/lib/retrace', 'and the folder of the server'],
        ['retrace doctor --state /var/lib/retrace-agent --json', 'and that of the agent'],
        [
          'retrace doctor --rebuild-catalog --data /var/lib/retrace',
          'make the catalog of a stopped server anew out of what is intact of it',
        ],
      ],
      notes:
        'Exit status 1 when something fails; warnings alone are 0. --rebuild-catalog checks\n' +
        'nothing else, and puts the old files into the folder quarantine.',
    })
      .option('--data <dir>', "the server's data directory")
      .option('--rebuild-catalog', 'only make the catalog of --data anew, the server stopped')
      .option('--state <dir>', "the agent's state folder")
      .option('--listen <host:port>', "the server's HTTP address (default: that of --server)")
      .option('--nbd <address>', "the server's NBD address", '127.0.0.1:10809'),
    io,
  ).action((options: DoctorOptions) => run(options, io));
