import {
  comparePositions,
  type GapReason,
  type GroupDefinition,
  LIMITS,
  RetraceError,
  type StreamPosition,
  type VolumeDefinition,
  type VolumeState,
} from '@retrace/core';
import type { Disk } from '../backing/disk.js';
import type { WelcomeFacts } from '../session/judge-welcome.js';
import type { CleanMark, Identity, Progress } from '../state/agent-state.js';
import { changedSince } from '../state/clean-check.js';
import type { StateDir } from '../state/state-dir.js';
import type { Random } from '../system/random.js';
import type { VolumeOptions } from '../volume/volume.js';
import { type AgentOptions, isResyncWanted } from './options.js';

/** What a volume starts as. */
export type PreparedVolume = Pick<
  VolumeOptions,
  'definition' | 'disk' | 'durability' | 'state' | 'reason' | 'gap'
>;

/** What the state folder and the disks say at the start. */
export interface Prepared {
  readonly group: GroupDefinition;
  readonly progress: Progress;
  readonly volumes: readonly PreparedVolume[];
  /** The clean stop that the clean volumes go on from. */
  readonly cleanFrom: WelcomeFacts['cleanFrom'];
}

interface Verdict {
  readonly state: VolumeState;
  readonly reason: string;
  readonly gap: GapReason | undefined;
}

const copyAgain = (gap: GapReason, reason: string): Verdict => ({
  state: 'resync-needed',
  reason,
  gap,
});

/**
 * Decides for each volume whether it is provably clean, and durably removes the clean-stop marks:
 * from here on a crash means a full copy.
 * @param disks - opened, in the order of the options' volumes
 * @throws RetraceError STATE_INVALID when the folder belongs to another agent
 */
export const prepareVolumes = async (
  options: AgentOptions,
  state: StateDir,
  disks: readonly Disk[],
  random: Random,
): Promise<Prepared> => {
  const known = state.loadIdentity();
  const progress = state.loadProgress(random);
  const identity = await identityOf(options, known, state, random);
  const marks = options.volumes.map(({ name }) => state.loadCleanMark(name));
  const cleanFrom = newestStop(marks);
  const volumes: PreparedVolume[] = [];
  for (const [index, { name, durability = 'flush' }] of options.volumes.entries()) {
    const disk = disks[index]!;
    const definition = define(options.machine, name, identity.volumes[name]!, disk);
    const isNew = known?.volumes[name] === undefined;
    const mark = marks[index];
    let verdict = judge({ definition, disk, mark, isNew, lost: state.lost, cleanFrom });
    if (isResyncWanted(options.resync, name) && !isNew) {
      verdict = copyAgain('resync-requested', 'a full copy was asked for');
    }
    if (mark !== undefined) await state.removeCleanMark(name);
    volumes.push({ definition, disk, durability, ...verdict });
  }
  const anyClean = volumes.some((volume) => volume.state === 'protected');
  const group: GroupDefinition = {
    define: 'group',
    uuid: identity.groupUuid,
    name: identity.group,
  };
  return { group, progress, volumes, cleanFrom: anyClean ? cleanFrom : undefined };
};

interface Evidence {
  readonly definition: VolumeDefinition;
  readonly disk: Disk;
  readonly mark: CleanMark | undefined;
  readonly isNew: boolean;
  readonly lost: boolean;
  readonly cleanFrom: { readonly at: StreamPosition } | undefined;
}

const judge = ({ definition, disk, mark, isNew, lost, cleanFrom }: Evidence): Verdict => {
  if (isNew) {
    if (lost) return copyAgain('state-lost', "the agent's state was lost");
    return { state: 'initial-sync', reason: 'the first full copy is due', gap: undefined };
  }
  if (lost) return copyAgain('state-lost', "the agent's state was damaged");
  if (mark === undefined || mark.volumeUuid !== definition.uuid) {
    return copyAgain('unclean-stop', 'the agent was not stopped cleanly');
  }
  if (cleanFrom !== undefined && comparePositions(mark.stoppedAt, cleanFrom.at) !== 0) {
    return copyAgain('unclean-stop', 'the group has gone on without this volume');
  }
  const changed = changedSince(mark, disk.stamp(), disk.isBlockDevice);
  if (changed !== undefined) {
    return copyAgain('changed-while-stopped', `changed while stopped: ${changed}`);
  }
  return { state: 'protected', reason: 'the clean stop matches the disk', gap: undefined };
};

/** The newest of the volumes' clean stops: those that are older missed what the group did since. */
const newestStop = (marks: readonly (CleanMark | undefined)[]): WelcomeFacts['cleanFrom'] => {
  let newest: CleanMark | undefined;
  for (const mark of marks) {
    if (mark === undefined) continue;
    if (newest === undefined || comparePositions(mark.stoppedAt, newest.stoppedAt) > 0) {
      newest = mark;
    }
  }
  return newest === undefined ? undefined : { serverUuid: newest.serverUuid, at: newest.stoppedAt };
};

const define = (machine: string, name: string, uuid: string, disk: Disk): VolumeDefinition => ({
  define: 'volume',
  uuid,
  machine,
  name,
  sizeBytes: disk.sizeBytes,
  blockBytes: LIMITS.blockBytesDefault,
});

/** The identity with a UUID for every volume, saved. */
const identityOf = async (
  options: AgentOptions,
  known: Identity | undefined,
  state: StateDir,
  random: Random,
): Promise<Identity> => {
  const { machine } = options;
  const group = options.group ?? machine;
  if (known !== undefined && (known.machine !== machine || known.group !== group)) {
    const whose = `machine ${known.machine}, group ${known.group}`;
    const text = `${state.path} belongs to ${whose}, not to machine ${machine}, group ${group}`;
    throw new RetraceError('STATE_INVALID', text);
  }
  const volumes: Record<string, string> = { ...known?.volumes };
  let changed = known === undefined;
  for (const { name } of options.volumes) {
    if (volumes[name] !== undefined) continue;
    volumes[name] = random.uuid();
    changed = true;
  }
  const identity: Identity = {
    groupUuid: known?.groupUuid ?? random.uuid(),
    machine,
    group,
    volumes,
  };
  if (changed) await state.saveIdentity(identity);
  return identity;
};
