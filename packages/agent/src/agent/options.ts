import {
  type Clock,
  checkName,
  DURABILITIES,
  type Durability,
  LIMITS,
  RetraceError,
} from '@retrace/core';
import type { OpenDisk } from '../backing/open-disk.js';
import type { AgentLimits } from '../limits.js';
import type { Logger } from '../system/logger.js';
import type { Random } from '../system/random.js';
import type { Scheduler } from '../system/scheduler.js';
import type { AgentEvent } from './events.js';

/** One volume to protect. */
export interface AgentVolumeOptions {
  /** Its name within the machine. */
  readonly name: string;
  /** The file or block device. */
  readonly path: string;
  /** `unix:PATH` or `HOST:PORT` (loopback only); default `unix:STATE/NAME.sock`. */
  readonly listen?: string | undefined;
  /** Default `flush`. */
  readonly durability?: Durability | undefined;
}

/** What an agent needs. */
export interface AgentOptions {
  /** URL of the journal server: `http://127.0.0.1:7400`. */
  readonly server: string;
  readonly machine: string;
  /** Name of the consistency group; default: the machine's. */
  readonly group?: string | undefined;
  /** Folder for the agent's state, on storage this agent does not protect. */
  readonly stateDir: string;
  /** At least one: together they are the group. */
  readonly volumes: readonly AgentVolumeOptions[];
  readonly token?: string | undefined;
  /** Take the group over from whoever holds it, once, at the start. */
  readonly takeOver?: boolean | undefined;
  /** Copy all volumes again, or those named, whatever the state folder says. */
  readonly resync?: boolean | readonly string[] | undefined;
  /** What the journal shall call this program. */
  readonly software?: string | undefined;
  readonly onEvent?: ((event: AgentEvent) => void) | undefined;
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<AgentLimits> | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly scheduler?: Scheduler | undefined;
  readonly openDisk?: OpenDisk | undefined;
}

const invalid = (text: string): RetraceError => new RetraceError('CONFIG_INVALID', text);

/**
 * Checks what does not need the disk.
 * @throws RetraceError NAME_INVALID, CONFIG_INVALID
 */
export const checkOptions = (options: AgentOptions): void => {
  checkName(options.machine, 'machine name');
  checkName(options.group ?? options.machine, 'group name');
  const { volumes } = options;
  if (volumes.length === 0) throw invalid('an agent needs at least one volume');
  if (volumes.length > LIMITS.volumesPerGroupMax) {
    throw invalid(`${volumes.length} volumes, a group has at most ${LIMITS.volumesPerGroupMax}`);
  }
  const names = new Set<string>();
  for (const { name, durability = 'flush' } of volumes) {
    checkName(name, 'volume name');
    if (names.has(name)) throw invalid(`volume "${name}" is given twice`);
    names.add(name);
    if (!DURABILITIES.includes(durability)) {
      throw invalid(`volume "${name}": durability is one of ${DURABILITIES.join(', ')}`);
    }
  }
  const wanted = Array.isArray(options.resync) ? (options.resync as readonly string[]) : [];
  for (const name of wanted) {
    if (!names.has(name)) throw invalid(`resync names "${name}", which is no volume`);
  }
};

/** Whether a volume is to be copied again by demand. */
export const isResyncWanted = (resync: AgentOptions['resync'], name: string): boolean =>
  typeof resync === 'boolean' ? resync : (resync ?? []).includes(name);
