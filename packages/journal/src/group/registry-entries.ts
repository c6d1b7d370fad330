import {
  type GroupDefinition,
  type GroupId,
  groupId,
  MapReader,
  RetraceError,
  readGroupDefinition,
  readVolumeDefinition,
  type VolumeDefinition,
  type VolumeId,
  volumeId,
} from '@retrace/core';
import type { StreamHolder } from './stream-holder.js';

/** Kinds of catalog entries the registry keeps; ids are the decimal numbers. */
export const GROUP_KIND = 'group';
export const VOLUME_KIND = 'volume';

/** A group as the catalog keeps it. */
export interface GroupEntry {
  readonly id: GroupId;
  readonly definition: GroupDefinition;
  readonly holder: StreamHolder | undefined;
}

/** A volume as the catalog keeps it. */
export interface VolumeEntry {
  readonly id: VolumeId;
  readonly groupId: GroupId;
  readonly definition: VolumeDefinition;
}

export const encodeGroupEntry = (entry: GroupEntry): Readonly<Record<string, unknown>> => ({
  ...entry.definition,
  ...(entry.holder === undefined ? {} : { holder: entry.holder }),
});

export const encodeVolumeEntry = (entry: VolumeEntry): Readonly<Record<string, unknown>> => ({
  ...entry.definition,
  groupId: entry.groupId,
});

/** @throws RetraceError CORRUPTION */
export const decodeGroupEntry = (
  id: string,
  value: Readonly<Record<string, unknown>>,
): GroupEntry =>
  checked(`group ${id}`, () => {
    const reader = new MapReader(value, `group ${id}`);
    const definition = readGroupDefinition(reader);
    if (!reader.has('holder')) return { id: groupId(Number(id)), definition, holder: undefined };
    const holder = reader.map('holder');
    return {
      id: groupId(Number(id)),
      definition,
      holder: {
        epoch: holder.count('epoch'),
        instanceId: holder.text('instanceId'),
        sessionId: holder.text('sessionId'),
      },
    };
  });

/** @throws RetraceError CORRUPTION */
export const decodeVolumeEntry = (
  id: string,
  value: Readonly<Record<string, unknown>>,
): VolumeEntry =>
  checked(`volume ${id}`, () => {
    const reader = new MapReader(value, `volume ${id}`);
    return {
      id: volumeId(Number(id)),
      groupId: groupId(reader.count('groupId')),
      definition: readVolumeDefinition(reader),
    };
  });

const checked = <T>(what: string, read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    throw new RetraceError('CORRUPTION', `catalog entry of ${what} cannot be read`, { cause });
  }
};
