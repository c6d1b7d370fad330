import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NbdClient } from '@retrace/nbd';
import type { AgentEvent } from '../agent/events.js';
import type { AgentOptions } from '../agent/options.js';
import type { RunningAgent } from '../agent/running-agent.js';
import { startAgent } from '../agent/start-agent.js';
import type { FakeServer } from './fake-server.js';

const DATA_BYTES = 3 * 1024 * 1024;
/** Of odd size, with a hole at its end. */
const IMAGE_BYTES = 8 * 1024 * 1024 + 1000;

/** Waits until something holds; a test's own limit ends it. */
export const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** A disk image and the agents that protect it, one after another, in one folder. */
export class AgentBench {
  readonly folder: string;
  readonly image: string;
  readonly events: AgentEvent[] = [];
  readonly server: FakeServer;
  readonly #agents: RunningAgent[] = [];

  constructor(folder: string, server: FakeServer) {
    this.folder = folder;
    this.image = join(folder, 'disk');
    this.server = server;
    writeFileSync(this.image, Buffer.alloc(DATA_BYTES, 0xd5));
    truncateSync(this.image, IMAGE_BYTES);
  }

  /** Backoffs and reports are short; everything else is as it comes. */
  async start(options: Partial<AgentOptions> = {}): Promise<RunningAgent> {
    const agent = await startAgent({
      server: this.server.url,
      machine: 'm',
      stateDir: join(this.folder, 'state'),
      volumes: [{ name: 'v', path: this.image }],
      onEvent: (event) => this.events.push(event),
      ...options,
      limits: { backoffMsMin: 5, backoffMsMax: 40, copyChunkBytes: 262_144, ...options.limits },
    });
    this.#agents.push(agent);
    return agent;
  }

  /** Starts and waits until the volume is protected. */
  async startProtected(options: Partial<AgentOptions> = {}): Promise<RunningAgent> {
    const agent = await this.start(options);
    await until(() => agent.volumes.every(({ state }) => state === 'protected'));
    return agent;
  }

  /** The states told, in order, of all volumes. */
  get states(): string[] {
    return this.events.flatMap((event) => (event.event === 'state' ? [event.state] : []));
  }

  disk(): Buffer {
    return readFileSync(this.image);
  }

  /** What the journal says the volume holds. */
  journal(volumeIndex = 0): Buffer {
    return this.server.replay(volumeIndex, Buffer.alloc(IMAGE_BYTES));
  }

  client(agent: RunningAgent, index = 0): Promise<NbdClient> {
    return NbdClient.connect(agent.volumes[index]!.uri);
  }

  /** Waits until the journal has everything. */
  async drained(agent: RunningAgent): Promise<void> {
    await until(() => agent.queued.records === 0);
  }

  async end(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop({ timeoutMs: 50 })));
    await this.server.away();
  }
}
