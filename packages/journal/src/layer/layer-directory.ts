import { decodeMap, encodeMap, isCount, LIMITS, MapReader, RetraceError } from '@retrace/core';
import { LEVEL_MAX } from '../index/dyadic.js';
import { LAYER_BOUNDS } from './limits.js';
import type { PartRef } from './part.js';

/** What a layer was made from. */
export interface LayerInput {
  readonly kind: 'segment' | 'layer';
  readonly number: number;
  /** SHA-256 of the input, in hex. */
  readonly digest: string;
}

/** A page directory of so many entries; without a place when there are none. */
export interface PagesRef {
  readonly pages: number;
  readonly at: PartRef | undefined;
}

/** What the directory says of a volume. Seqs are those of rows and regions, 0 without any. */
export interface VolumeEntry {
  readonly volumeId: number;
  readonly groupId: number;
  readonly blockBytes: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly rows: number;
  /** Lowest and highest block of the rows; 0 without any. */
  readonly firstBlock: number;
  readonly lastBlock: number;
  /** Bytes of the rows' payloads before compression. */
  readonly dataBytes: number;
  readonly regions: number;
  /** The levels that have regions, ascending. */
  readonly levels: readonly number[];
  readonly rowPages: PagesRef;
  readonly regionPages: PagesRef;
  /** Seconds in `activity`. */
  readonly seconds: number;
  readonly activity: PartRef | undefined;
}

export interface GroupEntry {
  readonly groupId: number;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly records: number;
  readonly recordPages: PagesRef;
}

/** The directory of a layer: what is in it, and where. Bounds are inclusive. */
export interface LayerDirectory {
  readonly layer: number;
  readonly serverUuid: string;
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly inputs: readonly LayerInput[];
  readonly volumes: readonly VolumeEntry[];
  readonly groups: readonly GroupEntry[];
}

const WHAT = 'layer directory';
const LEVELS_MAX = 64;
const DIGEST_LENGTH = 64;
const WORD_MAX = 2 ** 32 - 1;

const refMap = (ref: PartRef | undefined) =>
  ref === undefined ? null : { position: ref.position, bytes: ref.bytes, crc: ref.crc };

const pagesMap = ({ pages, at }: PagesRef) => ({ pages, at: refMap(at) });

export const encodeLayerDirectory = (directory: LayerDirectory): Buffer =>
  encodeMap({
    ...directory,
    inputs: directory.inputs.map(({ kind, number, digest }) => ({ kind, number, digest })),
    volumes: directory.volumes.map((volume) => ({
      ...volume,
      rowPages: pagesMap(volume.rowPages),
      regionPages: pagesMap(volume.regionPages),
      activity: refMap(volume.activity),
    })),
    groups: directory.groups.map((group) => ({
      ...group,
      recordPages: pagesMap(group.recordPages),
    })),
  });

const readRef = (reader: MapReader): PartRef => ({
  position: reader.count('position'),
  bytes: reader.count('bytes', WORD_MAX),
  crc: reader.count('crc', WORD_MAX),
});

const readRefAt = (reader: MapReader, field: string): PartRef | undefined =>
  reader.has(field) ? readRef(reader.map(field)) : undefined;

const readPages = (reader: MapReader, field: string): PagesRef => {
  const pages = reader.map(field);
  return { pages: pages.count('pages', WORD_MAX), at: readRefAt(pages, 'at') };
};

const items = <T>(reader: MapReader, field: string, read: (item: MapReader) => T): readonly T[] =>
  reader
    .list(field, LAYER_BOUNDS.listLength)
    .map((value, index) => read(MapReader.of(value, `${WHAT}.${field}[${index}]`)));

const readLevels = (reader: MapReader): readonly number[] =>
  reader.list('levels', LEVELS_MAX).map((level) => {
    if (isCount(level) && level <= LEVEL_MAX) return level;
    throw new RetraceError('FRAME_INVALID', `${WHAT}: ${String(level)} is no level of a region`);
  });

const readVolume = (reader: MapReader): VolumeEntry => ({
  volumeId: reader.count('volumeId', WORD_MAX),
  groupId: reader.count('groupId', WORD_MAX),
  blockBytes: reader.count('blockBytes', LIMITS.blockBytesMax),
  fromSeq: reader.count('fromSeq'),
  toSeq: reader.count('toSeq'),
  rows: reader.count('rows'),
  firstBlock: reader.count('firstBlock'),
  lastBlock: reader.count('lastBlock'),
  dataBytes: reader.count('dataBytes'),
  regions: reader.count('regions'),
  levels: readLevels(reader),
  rowPages: readPages(reader, 'rowPages'),
  regionPages: readPages(reader, 'regionPages'),
  seconds: reader.count('seconds'),
  activity: readRefAt(reader, 'activity'),
});

const readGroup = (reader: MapReader): GroupEntry => ({
  groupId: reader.count('groupId', WORD_MAX),
  fromSeq: reader.count('fromSeq'),
  toSeq: reader.count('toSeq'),
  records: reader.count('records'),
  recordPages: readPages(reader, 'recordPages'),
});

/** Unknown fields are ignored. @throws RetraceError FRAME_INVALID for what is no directory */
export const decodeLayerDirectory = (bytes: Buffer): LayerDirectory => {
  const reader = new MapReader(decodeMap(bytes, WHAT, LAYER_BOUNDS.directoryPlainBytes), WHAT);
  return {
    layer: reader.count('layer'),
    serverUuid: reader.text('serverUuid'),
    fromLsn: reader.count('fromLsn'),
    toLsn: reader.count('toLsn'),
    inputs: items(reader, 'inputs', (input) => ({
      kind: input.oneOf('kind', ['segment', 'layer']),
      number: input.count('number'),
      digest: input.text('digest', DIGEST_LENGTH),
    })),
    volumes: items(reader, 'volumes', readVolume),
    groups: items(reader, 'groups', readGroup),
  };
};
