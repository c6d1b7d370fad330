import { checkName } from '../ids/names.js';
import { LIMITS } from '../limits.js';
import { decodeMap, encodeMap } from './body.js';
import { MapReader } from './map-reader.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What identifies a group for ever. */
export interface GroupDefinition {
  readonly define: 'group';
  readonly uuid: string;
  readonly name: string;
}

/** What identifies a volume for ever, and its shape from this record on. */
export interface VolumeDefinition {
  readonly define: 'volume';
  readonly uuid: string;
  readonly machine: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
}

/** The body of a define record: log and layers alone can rebuild the catalog from these. */
export type Definition = GroupDefinition | VolumeDefinition;

export const isUuid = (text: string): boolean => UUID.test(text);

/** Reads `uuid` as a lower-case UUID. @throws RetraceError FRAME_INVALID */
const readUuid = (reader: MapReader): string => {
  const uuid = reader.text('uuid', 36);
  return isUuid(uuid) ? uuid : reader.oneOf('uuid', ['a lower-case UUID']);
};

/** True for a power of two within the limits. */
export const isBlockSize = (bytes: number): boolean =>
  bytes >= LIMITS.blockBytesMin &&
  bytes <= LIMITS.blockBytesMax &&
  Number.isInteger(Math.log2(bytes));

/** A volume's definition out of a checked map; also how a hello names its volumes. */
export const readVolumeDefinition = (reader: MapReader): VolumeDefinition => {
  const blockBytes = reader.count('blockBytes', LIMITS.blockBytesMax);
  if (!isBlockSize(blockBytes)) reader.oneOf('blockBytes', ['a power of two, 512 to 65536']);
  return {
    define: 'volume',
    uuid: readUuid(reader),
    machine: checkName(reader.text('machine'), 'machine name'),
    name: checkName(reader.text('name'), 'volume name'),
    sizeBytes: reader.count('sizeBytes', LIMITS.volumeBytesMax),
    blockBytes,
  };
};

/** A group's definition out of a checked map. */
export const readGroupDefinition = (reader: MapReader): GroupDefinition => ({
  define: 'group',
  uuid: readUuid(reader),
  name: checkName(reader.text('name'), 'group name'),
});

export const encodeDefinition = (definition: Definition): Buffer => encodeMap(definition);

/** @throws RetraceError FRAME_INVALID, NAME_INVALID */
export const decodeDefinition = (body: Buffer): Definition => {
  const reader = new MapReader(decodeMap(body, 'define', LIMITS.bodyBytesMax), 'define');
  const what = reader.oneOf('define', ['group', 'volume']);
  return what === 'group' ? readGroupDefinition(reader) : readVolumeDefinition(reader);
};
