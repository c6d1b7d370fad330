import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Program, spawnProgram } from './program.js';
import { retrace, retraceProgram } from './retrace.js';
import { tempDir } from './temp-dir.js';

/** How to start a journal server. */
export interface ServerOptions {
  /** Default: a fresh folder that is removed at the end. */
  readonly dataDir?: string;
  /** `--listen`. Default: a free port of the loopback. */
  readonly listen?: string;
  /** `--nbd`: an address or `unix:PATH`. Default: a free port of the loopback. */
  readonly nbd?: string;
  /** Small segments, each sealed into a layer as soon as it is closed. */
  readonly sealsEagerly?: boolean;
  /** More arguments. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A journal server that answers. */
export interface RunningServer {
  readonly program: Program;
  readonly dataDir: string;
  readonly sealsEagerly: boolean;
  /** URL for `--server`. */
  readonly http: string;
  /** URI of the NBD server, without an export name. */
  readonly nbd: string;
  /** URI of one export, such as `web-01/root@latest`. */
  exportUri(name: string): string;
}

const READY_TIMEOUT_MS = 30_000;

/** Starts `retrace server` and waits until it is ready. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { dataDir = tempDir(), listen = '127.0.0.1:0', nbd = '127.0.0.1:0' } = options;
  const { args = [], env = {}, timeoutMs = READY_TIMEOUT_MS, sealsEagerly = false } = options;
  const program = spawnProgram({
    name: 'retrace server',
    command: process.execPath,
    args: [
      retraceProgram(),
      'server',
      '--data',
      dataDir,
      '--listen',
      listen,
      '--nbd',
      nbd,
      ...(sealsEagerly ? ['--config', eagerConfig()] : []),
      ...args,
    ],
    env,
  });
  const ready = await program.waitEvent(({ event }) => event === 'ready', {
    what: 'the ready line of the server',
    timeoutMs,
  });
  const http = String(ready.http);
  const nbdUri = String(ready.nbd);
  return {
    program,
    dataDir,
    sealsEagerly,
    http,
    nbd: nbdUri,
    exportUri: (name) => exportUri(nbdUri, name),
  };
}

const eagerConfig = (): string => {
  const path = join(tempDir(), 'server.json');
  writeFileSync(path, JSON.stringify({ segmentBytes: '256k', sealBytes: '1' }));
  return path;
};

/** Puts an export name into the URI of an NBD server, over TCP or a unix socket. */
export function exportUri(server: string, name: string): string {
  const parts = /^([a-z+]+:\/\/[^/?]*)\/?(\?.*)?$/.exec(server);
  if (parts === null) throw new Error(`not the URI of an NBD server: ${server}`);
  const [, address = '', query = ''] = parts;
  const escaped = name.split('/').map(encodeURIComponent).join('/');
  return `${address}/${escaped}${query}`;
}

/** Who may use a token. */
export interface TokenOptions {
  readonly dataDir: string;
  readonly role: 'agent' | 'viewer' | 'operator' | 'admin';
  readonly machine?: string;
}

/** Makes a token in a data directory, with `retrace token create`. */
export async function createToken({ dataDir, role, machine }: TokenOptions): Promise<string> {
  const forMachine = machine === undefined ? [] : ['--machine', machine];
  const args = ['token', 'create', '--role', role, ...forMachine, '--data', dataDir, '--json'];
  const { json, stdout } = await retrace(args, { accept: [0] });
  const token = (json as { token?: unknown } | undefined)?.token;
  if (typeof token !== 'string') throw new Error(`no token in: ${stdout}`);
  return token;
}
