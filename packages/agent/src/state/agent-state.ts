import { isUuid, MapReader, RetraceError, type StreamPosition } from '@retrace/core';

export const IDENTITY_VERSION = 1;
export const PROGRESS_VERSION = 1;
export const CLEAN_MARK_VERSION = 1;

/** Who this agent is, for as long as its state folder exists. */
export interface Identity {
  readonly groupUuid: string;
  readonly machine: string;
  readonly group: string;
  /** UUIDs by volume name. */
  readonly volumes: Readonly<Record<string, string>>;
}

/** How far its record stream has come. */
export interface Progress {
  /** New whenever the state was not continuous. */
  readonly sessionId: string;
  /** The last epoch taken; durable before the epoch's first record. */
  readonly epoch: number;
  /** At least this much was acknowledged at some time. */
  readonly acknowledged: StreamPosition;
  /** No record has a time before this. */
  readonly lastTimeUs: number;
  /** The journal server of `acknowledged`; empty when none was met. */
  readonly serverUuid: string;
}

/** Written at a clean stop, removed before the volume is served again. */
export interface CleanMark {
  readonly volumeUuid: string;
  readonly serverUuid: string;
  /** The clean-stop record, which the journal has acknowledged. */
  readonly stoppedAt: StreamPosition;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  readonly writes: string;
  readonly samples: number;
}

type Fields = Readonly<Record<string, unknown>>;

const position = (reader: MapReader, field: string): StreamPosition => {
  const map = reader.map(field);
  return { epoch: map.count('epoch'), n: map.count('n') };
};

const uuidIn = (reader: MapReader, field: string): string => {
  const uuid = reader.text(field, 36);
  if (!isUuid(uuid)) throw new RetraceError('FRAME_INVALID', `"${field}" is not a UUID`);
  return uuid;
};

/** @throws RetraceError FRAME_INVALID */
export const readIdentity = (fields: Fields): Identity => {
  const reader = new MapReader(fields, 'identity');
  const volumes: Record<string, string> = {};
  const byName = MapReader.of(fields.volumes, 'identity.volumes');
  for (const name of Object.keys(fields.volumes as object)) volumes[name] = uuidIn(byName, name);
  return {
    groupUuid: uuidIn(reader, 'groupUuid'),
    machine: reader.text('machine'),
    group: reader.text('group'),
    volumes,
  };
};

/** @throws RetraceError FRAME_INVALID */
export const readProgress = (fields: Fields): Progress => {
  const reader = new MapReader(fields, 'progress');
  return {
    sessionId: uuidIn(reader, 'sessionId'),
    epoch: reader.count('epoch'),
    acknowledged: position(reader, 'acknowledged'),
    lastTimeUs: reader.count('lastTimeUs'),
    serverUuid: reader.text('serverUuid', 64),
  };
};

/** @throws RetraceError FRAME_INVALID */
export const readCleanMark = (fields: Fields): CleanMark => {
  const reader = new MapReader(fields, 'clean mark');
  return {
    volumeUuid: uuidIn(reader, 'volumeUuid'),
    serverUuid: reader.text('serverUuid', 64),
    stoppedAt: position(reader, 'stoppedAt'),
    sizeBytes: reader.count('sizeBytes'),
    mtimeNs: reader.text('mtimeNs'),
    ctimeNs: reader.text('ctimeNs'),
    writes: reader.text('writes'),
    samples: reader.count('samples'),
  };
};
