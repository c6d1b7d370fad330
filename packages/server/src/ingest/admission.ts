import {
  commonProtocolVersion,
  comparePositions,
  formatTarget,
  type Hello,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  RetraceError,
  type VolumeDefinition,
  type VolumeId,
} from '@retrace/core';
import { type Caller, requireMachine } from '../auth/roles.js';
import type { GroupPort, JournalPort, StreamHolder } from '../journal-port.js';

/** What a hello that was accepted leads to. */
export interface Admission {
  readonly protocol: number;
  readonly group: GroupPort;
  readonly volumeIds: readonly VolumeId[];
  /** Who held the group before; undefined when nobody ever did. */
  readonly before: StreamHolder | undefined;
  readonly acknowledgedLoss: boolean;
}

/** The session that holds a group, as an admission sees it. */
export interface HoldingSession {
  readonly instanceId: string | undefined;
  /** Ends the session with this reason; resolves when nothing of it is on its way any more. */
  replace(error: RetraceError): Promise<void>;
}

const invalid = (message: string): RetraceError => new RetraceError('FRAME_INVALID', message);

/**
 * Checks what a hello says by itself; gives back the protocol version to speak.
 * @throws RetraceError PROTOCOL_VERSION, TOKEN_ROLE, FRAME_INVALID
 */
export const checkHello = (hello: Hello, caller: Caller): number => {
  const protocol = commonProtocolVersion(hello.protocolMin, hello.protocolMax);
  if (protocol === undefined) {
    throw new RetraceError(
      'PROTOCOL_VERSION',
      `the agent speaks versions ${hello.protocolMin} to ${hello.protocolMax}, this server ` +
        `${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION_MAX}: update the older of the two`,
    );
  }
  requireMachine(caller, hello.group.name);
  for (const volume of hello.volumes) requireMachine(caller, volume.machine);
  if (hello.volumes.length === 0) throw invalid('the hello names no volume');
  if (hello.epoch < 1) throw invalid('epochs begin at 1');
  if (hello.instanceId === '' || hello.sessionId === '') throw invalid('the hello lacks an id');
  const names = new Set(hello.volumes.map(volumeText));
  const uuids = new Set(hello.volumes.map(({ uuid }) => uuid));
  if (names.size !== hello.volumes.length || uuids.size !== hello.volumes.length) {
    throw invalid('the hello names a volume twice');
  }
  if (hello.volumes.some(({ sizeBytes }) => sizeBytes === 0)) throw invalid('a volume of 0 bytes');
  return protocol;
};

const volumeText = ({ machine, name }: VolumeDefinition): string =>
  formatTarget({ kind: 'volume', machine, name });

/**
 * Registers the group and makes the new holder's fence durable. Run one admission of a group at a
 * time. On return nobody else can append to the group.
 * @param current - the session that holds the group now
 * @throws RetraceError IDENTITY_CONFLICT, EPOCH_FENCED, EPOCH_TAKEN
 */
export const takeGroup = async (
  hello: Hello,
  journal: JournalPort,
  current: (group: string) => HoldingSession | undefined,
): Promise<Omit<Admission, 'protocol'>> => {
  const { epoch, instanceId, sessionId, takeOver } = hello;
  const { group, volumeIds } = await journal.register(hello.group, hello.volumes, { takeOver });
  const { stream } = group;
  const same = current(group.name);
  if (same?.instanceId === instanceId) {
    const message = 'the same agent has connected again; this connection is not needed any more';
    await same.replace(new RetraceError('SESSION_REPLACED', message));
  }
  const before = stream.holder;
  await stream.fence({ epoch, instanceId, sessionId });
  const fenced = current(group.name);
  if (fenced !== undefined && fenced.instanceId !== instanceId) {
    const message = `epoch ${epoch} of another agent has taken over group ${group.name}`;
    await fenced.replace(new RetraceError('EPOCH_FENCED', message, { details: { epoch } }));
  }
  return {
    group,
    volumeIds,
    before,
    // Records that were stored and are lost make every view of the group suspect until it is
    // copied.
    acknowledgedLoss:
      comparePositions(hello.acknowledged, stream.stored) > 0 || group.hasLostRecords,
  };
};
