import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unixUri } from '../peers/nbd-peer.js';
import { Program } from '../system/program.js';

/** `bench/dist/retrace` -> the root of the checkout. */
const PROGRAM = fileURLToPath(new URL('../../../packages/cli/bin/retrace.cjs', import.meta.url));
const READY_TIMEOUT_MS = 120_000;

/** Node's arguments that make it write a CPU profile into a folder when it ends. */
export const profiling = (dir: string | undefined, name: string): readonly string[] =>
  dir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(dir, name)}`];

/** Starts `retrace`. */
export const startRetraceProgram = (
  args: readonly string[],
  profileDir: string | undefined,
): Program => {
  const name = args[0] ?? '';
  return new Program({
    name: `retrace ${name}`,
    command: process.execPath,
    args: [...profiling(profileDir, name), PROGRAM, ...args],
  });
};

/** A journal server that answers. */
export class RetraceServer {
  readonly program: Program;
  /** For agents and the API. */
  readonly http: string;
  readonly #socket: string;

  private constructor(program: Program, http: string, socket: string) {
    this.program = program;
    this.http = http;
    this.#socket = socket;
  }

  /** Starts one on a data directory; free ports and a socket in `socketDir`. */
  static async start(
    dataDir: string,
    socketDir: string,
    profileDir?: string,
  ): Promise<RetraceServer> {
    const socket = join(socketDir, 'server.sock');
    const addresses = ['--listen', '127.0.0.1:0', '--nbd', `unix:${socket}`];
    const program = startRetraceProgram(['server', '--data', dataDir, ...addresses], profileDir);
    try {
      const ready = await program.waitEvent(({ event }) => event === 'ready', READY_TIMEOUT_MS);
      return new RetraceServer(program, String(ready.http), socket);
    } catch (error) {
      await program.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.program.pid;
  }

  /** URI of an instant, such as `bench/disk@latest`. */
  uri(exportName: string): string {
    return unixUri(this.#socket, exportName);
  }
}
