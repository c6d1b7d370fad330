import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseUri } from '@retrace/nbd';
import { type AgentOptions, type RunningAgent, startAgent, type VolumeOptions } from './agent.js';
import { type RunningServer, type ServerOptions, startServer } from './server.js';
import { socketPath, tempDir } from './temp-dir.js';

/** A disk image to protect. */
export interface DiskOptions {
  readonly name: string;
  readonly sizeBytes: number;
  readonly durability?: VolumeOptions['durability'];
}

/** A server and an agent to start. */
export interface ProtectionOptions {
  readonly disks: readonly [DiskOptions, ...DiskOptions[]];
  readonly machine?: string;
  readonly server?: ServerOptions;
  /** Reaches the server by another address: through a proxy. */
  readonly serverUrl?: (server: RunningServer) => string | Promise<string>;
}

/** A server, an agent and its disks, every one of them protected. */
export interface Protection {
  readonly server: RunningServer;
  readonly agent: RunningAgent;
  readonly machine: string;
  readonly volumes: readonly VolumeOptions[];
  /** What the agent was started with, to start it again. */
  readonly agentOptions: AgentOptions;
  /** The backing file of a disk. */
  disk(name: string): string;
}

const MACHINE = 'web-01';

/** An empty, sparse disk image. */
export function makeDisk(sizeBytes: number): string {
  const path = join(tempDir(), 'disk.raw');
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  return path;
}

/** Makes disk images and protects them; resolves when their first copy is complete. */
export async function protect(options: ProtectionOptions): Promise<Protection> {
  const { disks, machine = MACHINE } = options;
  const server = await startServer(options.server);
  const volumes = disks.map(({ name, sizeBytes, durability }) => ({
    name,
    path: makeDisk(sizeBytes),
    listen: `unix:${socketPath(name)}`,
    ...(durability === undefined ? {} : { durability }),
  }));
  const agentOptions = {
    server: (await options.serverUrl?.(server)) ?? server.http,
    machine,
    volumes,
    stateDir: tempDir(),
  };
  const agent = await startAgent(agentOptions);
  for (const { name } of volumes) await agent.waitState(name, 'protected');
  return { server, agent, machine, volumes, agentOptions, disk: (name) => pathOf(volumes, name) };
}

function pathOf(volumes: readonly VolumeOptions[], name: string): string {
  const path = volumes.find((volume) => volume.name === name)?.path;
  if (path === undefined) throw new Error(`there is no disk ${name}`);
  return path;
}

/** Starts a server again where one was: the same folder, the same addresses. */
export function restartServer(
  old: RunningServer,
  options: Omit<ServerOptions, 'listen' | 'nbd'> = {},
): Promise<RunningServer> {
  const { address } = parseUri(old.nbd);
  return startServer({
    dataDir: old.dataDir,
    sealsEagerly: old.sealsEagerly,
    ...options,
    listen: new URL(old.http).host,
    nbd: 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`,
  });
}
