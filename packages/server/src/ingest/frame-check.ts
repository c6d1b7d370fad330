import {
  type AgentRecord,
  checkRecordChecksums,
  checkRecordShape,
  type DataFrame,
  decodeDataFrame,
  decodeDefinition,
  decodeMark,
  GROUP_VOLUME_INDEX,
  type GroupDefinition,
  hasBody,
  type MarkName,
  RECORD_KIND,
  RetraceError,
  toRetraceError,
  type VolumeDefinition,
} from '@retrace/core';

/** What an agent's hello says of itself: what its records are checked against. */
export interface AgentIdentity {
  readonly group: GroupDefinition;
  /** Records name a volume by its index here. */
  readonly volumes: readonly VolumeDefinition[];
}

/** Marks that concern the group as a whole; the others concern one volume. */
const GROUP_MARKS: ReadonlySet<MarkName> = new Set([
  'start',
  'clean-stop',
  'bookmark',
  'clock-step',
]);

const invalid = (record: AgentRecord, why: string): RetraceError =>
  new RetraceError('RECORD_INVALID', `record ${record.n}: ${why}`);

/**
 * Decodes a data frame and checks every record of it: shape, place, checksums of every block, and
 * what marks and definitions say. Nothing of a frame that fails is stored.
 * @throws RetraceError FRAME_*, RECORD_INVALID, RECORD_HOLE, RECORD_CHECKSUM, PROTOCOL_VERSION
 */
export const readDataFrame = (message: Buffer, identity: AgentIdentity): DataFrame => {
  const frame = decodeDataFrame(message);
  if (frame.epoch < 1) throw new RetraceError('RECORD_INVALID', 'epochs begin at 1');
  for (const record of frame.records) {
    try {
      checkRecord(record, identity);
    } catch (error) {
      throw naming(record, identity, toRetraceError(error));
    }
  }
  return frame;
};

/** The checks in core know no names; whoever reads the agent's log needs them. */
const naming = (
  { volumeIndex }: AgentRecord,
  { group, volumes }: AgentIdentity,
  { code, message, details, cause }: RetraceError,
): RetraceError => {
  const volume = volumes[volumeIndex];
  const subject =
    volume === undefined ? `group ${group.name}` : `volume ${volume.machine}/${volume.name}`;
  return new RetraceError(code, `${subject}: ${message}`, { cause, details });
};

const checkRecord = (record: AgentRecord, identity: AgentIdentity): void => {
  const volume = identity.volumes[record.volumeIndex];
  if (volume === undefined && record.volumeIndex !== GROUP_VOLUME_INDEX) {
    throw invalid(record, `the hello names no volume ${record.volumeIndex}`);
  }
  if (record.n < 1) throw invalid(record, 'numbers begin at 1');
  checkRecordShape(record, volume);
  checkRecordChecksums(record, volume?.blockBytes ?? 1);
  if (hasBody(record.kind)) checkBody(record, identity, volume);
};

const checkBody = (
  record: AgentRecord,
  identity: AgentIdentity,
  volume: VolumeDefinition | undefined,
): void => {
  if (record.kind === RECORD_KIND.mark) {
    const { mark } = decodeMark(record.payload);
    if (GROUP_MARKS.has(mark) !== (volume === undefined)) {
      throw invalid(record, `a ${mark} mark ${volume === undefined ? 'needs a' : 'has no'} volume`);
    }
    return;
  }
  const said = decodeDefinition(record.payload);
  const known = volume ?? identity.group;
  const same =
    said.define === known.define &&
    said.uuid === known.uuid &&
    said.name === known.name &&
    (said.define === 'group' || isSameVolume(said, volume));
  if (!same) throw invalid(record, `defines ${said.name} otherwise than the hello`);
};

const isSameVolume = (said: VolumeDefinition, known: VolumeDefinition | undefined): boolean =>
  said.machine === known?.machine &&
  said.sizeBytes === known.sizeBytes &&
  said.blockBytes === known.blockBytes;
