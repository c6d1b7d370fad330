import { join } from 'node:path';
import type { Cleanups } from '../system/cleanups.js';
import type { Program } from '../system/program.js';
import { waitFor } from '../system/wait-for.js';
import { AckTap } from './ack-tap.js';
import { RetraceServer, startRetraceProgram } from './server.js';
import { type GroupState, readState } from './status.js';

export interface ProtectedDiskOptions {
  readonly image: string;
  /** For the journal, the agent's state and the sockets. */
  readonly dir: string;
  readonly durability: 'async' | 'flush' | 'sync';
  readonly profileDir?: string | undefined;
  /** Puts a proxy between agent and server that sees the acks pass. */
  readonly withTap?: boolean;
}

export const VOLUME = 'bench/disk';

const READY_TIMEOUT_MS = 30_000;
const COPY_TIMEOUT_MS = 300_000;
const QUIET_MS = 1200;
const QUIET_TIMEOUT_MS = 60_000;

/** A disk image protected by a real agent and a real server, as processes of their own. */
export class ProtectedDisk {
  readonly server: RetraceServer;
  readonly agent: Program;
  /** Where the guest attaches. */
  readonly uri: string;
  readonly tap: AckTap | undefined;
  readonly dataDir: string;

  private constructor(
    server: RetraceServer,
    agent: Program,
    uri: string,
    dataDir: string,
    tap: AckTap | undefined,
  ) {
    this.server = server;
    this.agent = agent;
    this.uri = uri;
    this.dataDir = dataDir;
    this.tap = tap;
  }

  /** Starts both and waits until the first copy is done. */
  static async start(options: ProtectedDiskOptions, cleanups: Cleanups): Promise<ProtectedDisk> {
    const { image, dir, durability, profileDir, withTap = false } = options;
    const dataDir = join(dir, 'journal');
    const server = await RetraceServer.start(dataDir, dir, profileDir);
    cleanups.add(() => server.program.stop());
    const tap = withTap ? await AckTap.start(server.http) : undefined;
    cleanups.add(() => tap?.close());
    const volume = `disk=${image},listen=unix:${join(dir, 'agent.sock')},durability=${durability}`;
    const place = ['--server', tap?.http ?? server.http, '--state', join(dir, 'agent')];
    const agent = startRetraceProgram(
      ['agent', ...place, '--machine', 'bench', '--volume', volume],
      profileDir,
    );
    cleanups.add(() => agent.stop());
    const ready = await agent.waitEvent(({ event }) => event === 'ready', READY_TIMEOUT_MS);
    const disk = new ProtectedDisk(server, agent, String(ready.uri), dataDir, tap);
    await agent.waitUntil(
      'the end of the first copy',
      async () => (await disk.state()).volumeState === 'protected' || undefined,
      COPY_TIMEOUT_MS,
    );
    return disk;
  }

  /** @throws Error when the server knows no group yet, or the volume has a gap */
  async state(): Promise<GroupState> {
    const state = await readState(this.server.http);
    return state ?? { seq: 0, timeUs: 0, queuedBytes: 0, volumeState: 'none', gaps: 0 };
  }

  /** Waits until nothing was stored for a while. */
  async settle(): Promise<GroupState> {
    let last = await this.state();
    let sinceMs = performance.now();
    return await waitFor(
      'the journal to be quiet',
      QUIET_TIMEOUT_MS,
      async () => {
        const now = await this.state();
        if (now.seq !== last.seq) sinceMs = performance.now();
        last = now;
        return performance.now() - sinceMs > QUIET_MS ? now : undefined;
      },
      50,
    );
  }
}
