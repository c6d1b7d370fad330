import { type Program, spawnProgram } from './program.js';
import { retraceEnvironment, retraceProgram } from './retrace.js';
import { socketPath, tempDir } from './temp-dir.js';

/** A volume to protect. */
export interface VolumeOptions {
  readonly name: string;
  /** The backing file or device. */
  readonly path: string;
  readonly durability?: 'async' | 'flush' | 'sync';
  /** Default: a unix socket in a fresh folder, with a short path. */
  readonly listen?: string;
}

/** How to start an agent. */
export interface AgentOptions {
  /** URL of the journal server; it need not be there. */
  readonly server: string;
  readonly machine: string;
  readonly volumes: readonly VolumeOptions[];
  /** Default: a fresh folder that is removed at the end. */
  readonly stateDir?: string;
  readonly token?: string;
  /** More arguments. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** An agent whose volumes can be attached. */
export interface RunningAgent {
  readonly program: Program;
  readonly machine: string;
  readonly stateDir: string;
  /** The NBD URI of a volume, by its name without the machine. */
  uri(volume: string): string;
  /** Waits until a volume is in this state, now or later. */
  waitState(volume: string, state: string, timeoutMs?: number): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;
const STATE_TIMEOUT_MS = 30_000;

/** Starts `retrace agent` and waits until every volume is ready for a client. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { server, machine, volumes, stateDir = tempDir(), token, args = [] } = options;
  const { env = {}, timeoutMs = READY_TIMEOUT_MS } = options;
  const identity = ['--server', server, '--machine', machine, '--state', stateDir];
  const program = spawnProgram({
    name: `retrace agent of ${machine}`,
    command: process.execPath,
    args: [retraceProgram(), 'agent', ...identity, ...volumes.flatMap(volumeArguments), ...args],
    env: { ...retraceEnvironment(undefined, token), ...env },
  });
  const uris = new Map<string, string>();
  for (const { name } of volumes) {
    const volume = `${machine}/${name}`;
    const ready = await program.waitEvent(
      (event) => event.event === 'ready' && event.volume === volume,
      { what: `the ready line of ${volume}`, timeoutMs },
    );
    uris.set(name, String(ready.uri));
  }
  return {
    program,
    machine,
    stateDir,
    uri: (volume) => known(uris, volume),
    waitState: (volume, state, limitMs = STATE_TIMEOUT_MS) =>
      waitState(program, `${machine}/${volume}`, state, limitMs),
  };
}

function volumeArguments({ name, path, durability, listen }: VolumeOptions): string[] {
  const parts = [
    `${name}=${path}`,
    `listen=${listen ?? `unix:${socketPath(name)}`}`,
    ...(durability === undefined ? [] : [`durability=${durability}`]),
  ];
  return ['--volume', parts.join(',')];
}

function known(uris: ReadonlyMap<string, string>, volume: string): string {
  const uri = uris.get(volume);
  if (uri === undefined) throw new Error(`this agent has no volume ${volume}`);
  return uri;
}

/** The newest state event counts: a volume that was in the state and left it is not in it. */
async function waitState(
  program: Program,
  volume: string,
  state: string,
  timeoutMs: number,
): Promise<void> {
  const isOfVolume = ({ event, volume: name }: Readonly<Record<string, unknown>>): boolean =>
    event === 'state' && name === volume;
  const newest = program.events.findLast(isOfVolume);
  if (newest?.state === state) return;
  await program.waitEvent((event) => isOfVolume(event) && event.state === state, {
    after: program.events.length,
    what: `${volume} to be ${state}`,
    timeoutMs,
  });
}
