import {
  type ByteOffset,
  crc32c,
  type Epoch,
  type Lsn,
  RECORD_KIND,
  type RecordKind,
  type RecordNumber,
  type Seq,
  type TimeUs,
  type VolumeId,
} from '@retrace/core';
import { forEachRegion } from '../../index/dyadic.js';
import { SERVER_UUID } from '../../log/testing/log-fixture.js';
import type { Storage } from '../../storage/storage.js';
import type { Chance } from '../../storage/testing/faults.js';
import type { LayerPiece } from '../layer-pieces.js';
import { type LayerSummary, LayerWriter } from '../layer-writer.js';
import type { LayerLimits } from '../limits.js';
import type { LayerRecord } from '../record-page.js';
import { type ActivityRow, ROW_KIND, type RowKind } from '../rows.js';

/** A version of a range of blocks, as plainly as can be. */
export interface ModelVersion {
  readonly seq: number;
  readonly block: number;
  readonly blocks: number;
  readonly kind: RowKind;
  readonly data: Buffer | undefined;
  /** From a region, not a row. */
  readonly isRegion: boolean;
}

export interface ModelVolume {
  readonly volumeId: number;
  readonly groupId: number;
  readonly blockBytes: number;
  readonly versions: readonly ModelVersion[];
  readonly activity: readonly ActivityRow[];
}

export interface ModelGroup {
  readonly groupId: number;
  readonly records: readonly LayerRecord[];
}

export interface ModelLayer {
  readonly volumes: readonly ModelVolume[];
  readonly groups: readonly ModelGroup[];
}

export const LAYER = 7;
export const INPUTS = [
  { kind: 'segment', number: 3, digest: 'ab'.repeat(32) },
  { kind: 'layer', number: 5, digest: 'cd'.repeat(32) },
] as const;

/** Limits so small that a short test meets all borders. */
export const SMALL_LIMITS: Partial<LayerLimits> = {
  chunkBytes: 1024,
  pageRows: 5,
  pageRecords: 4,
  pageBodyBytes: 64,
  queryPagesMax: 3,
};

const randomData = (chance: Chance, blockBytes: number): Buffer => {
  const length = chance.hit(0.1) ? 1 + chance.below(blockBytes - 1) : blockBytes;
  const data = Buffer.alloc(length, chance.below(256));
  if (chance.hit()) for (let i = 0; i < length; i++) data[i] = chance.below(256);
  return data;
};

const randomVersion = (chance: Chance, seq: number, blocks: number, blockBytes: number) => {
  if (chance.hit(0.2)) {
    const block = chance.below(blocks);
    const length = 1 + chance.below(chance.hit() ? 8 : blocks - block);
    return { seq, block, blocks: length, kind: ROW_KIND.zero, data: undefined, isRegion: true };
  }
  // Few blocks have most of the versions.
  const block = chance.hit() ? chance.below(3) : chance.below(blocks);
  const roll = chance.below(10);
  const kind = roll === 0 ? ROW_KIND.zero : roll === 1 ? ROW_KIND.lost : ROW_KIND.data;
  const data = kind === ROW_KIND.data ? randomData(chance, blockBytes) : undefined;
  return { seq, block, blocks: 1, kind, data, isRegion: false };
};

const randomActivity = (chance: Chance): ActivityRow[] =>
  Array.from({ length: chance.below(4) }, (_, index) => ({
    second: 1_700_000_000 + index * 3,
    records: chance.below(100),
    writes: chance.below(100),
    trims: chance.below(10),
    flushes: chance.below(10),
    bytes: chance.below(2 ** 40),
  }));

const randomRecords = (chance: Chance, count: number): LayerRecord[] => {
  let seq = chance.below(1000);
  let time = 1_700_000_000_000_000;
  let arrival = time + 5;
  return Array.from({ length: count }, (): LayerRecord => {
    seq += chance.hit(0.8) ? 1 : 1 + chance.below(9);
    time += chance.below(3) * 1000;
    arrival += chance.below(2) * 4000;
    const isMark = chance.hit(0.3);
    const record = {
      seq: seq as Seq,
      lsn: (seq * 2 + 11) as Lsn,
      kind: (isMark ? RECORD_KIND.mark : 1 + chance.below(4)) as RecordKind,
      flags: chance.below(4),
      volumeId: chance.below(3) as VolumeId,
      epoch: (1 + Math.floor(seq / 100)) as Epoch,
      n: chance.below(2 ** 40) as RecordNumber,
      timeUs: time as TimeUs,
      agentTimeUs: (time + chance.below(7) - 3) as TimeUs,
      arrivalUs: arrival as TimeUs,
      offset: (chance.below(2 ** 41) * 512) as ByteOffset,
      length: chance.hit() ? 4096 : 2 ** 49,
    };
    return isMark ? { ...record, body: Buffer.alloc(1 + chance.below(40), 'b') } : record;
  });
};

/** @param size - how many versions and records there may be, about */
export const randomLayer = (chance: Chance, size: number): ModelLayer => {
  const volumes = Array.from({ length: chance.below(4) }, (_, index): ModelVolume => {
    const blocks = chance.hit(0.2) ? 2 ** 40 : 1 + chance.below(60);
    const blockBytes = chance.hit() ? 512 : 1024;
    const firstSeq = 1 + chance.below(50);
    const versions = Array.from({ length: chance.below(size) }, (_, i) =>
      randomVersion(chance, firstSeq + i, blocks, blockBytes),
    );
    const ids = { volumeId: index * 2 + 1, groupId: 1 + (index % 2) };
    return { ...ids, blockBytes, versions, activity: randomActivity(chance) };
  });
  const groups = Array.from({ length: chance.below(3) }, (_, index) => ({
    groupId: index * 3 + 1,
    records: randomRecords(chance, chance.below(size)),
  }));
  return { volumes, groups };
};

const regionsOf = (volume: ModelVolume): readonly (readonly [number, number, number])[] => {
  const regions: [number, number, number][] = [];
  for (const { block, blocks, seq, isRegion } of volume.versions) {
    if (isRegion) forEachRegion(block, blocks, (level, at) => regions.push([level, at, seq]));
  }
  return regions.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
};

export const rowsOf = (volume: ModelVolume): readonly ModelVersion[] =>
  volume.versions
    .filter(({ isRegion }) => !isRegion)
    .sort((a, b) => a.block - b.block || a.seq - b.seq);

export const makeWriter = (
  storage: Storage,
  path: string,
  limits: Partial<LayerLimits> = SMALL_LIMITS,
): Promise<LayerWriter> =>
  LayerWriter.create({ storage, path, layer: LAYER, serverUuid: SERVER_UUID, limits });

/** Writes all of a model. */
export const writeLayer = async (
  storage: Storage,
  path: string,
  layer: ModelLayer,
  limits: Partial<LayerLimits> = SMALL_LIMITS,
): Promise<LayerSummary> => {
  const writer = await makeWriter(storage, path, limits);
  for (const volume of layer.volumes) {
    writer.beginVolume(volume);
    for (const { block, seq, kind, data } of rowsOf(volume)) {
      const given = data === undefined ? undefined : Buffer.from(data);
      writer.row(block, seq, kind, given === undefined ? 0 : crc32c(given), given);
      // The writer has copied it: what becomes of it does not matter.
      given?.fill(0xee);
      if (writer.pendingBytes > 4096) await writer.flush();
    }
    for (const region of regionsOf(volume)) writer.region(...region);
    writer.activity(volume.activity);
  }
  for (const { groupId, records } of layer.groups) {
    writer.beginGroup(groupId);
    for (const record of records) writer.record(record);
  }
  return writer.finish({ fromLsn: 100, toLsn: 900, inputs: INPUTS });
};

/** The newest version of a block at a seq, by looking at all. */
export const versionAt = (
  { versions }: ModelVolume,
  block: number,
  seq: number,
): ModelVersion | undefined => {
  let newest: ModelVersion | undefined;
  for (const version of versions) {
    const covers = version.block <= block && block < version.block + version.blocks;
    if (covers && version.seq <= seq && version.seq > (newest?.seq ?? 0)) newest = version;
  }
  return newest;
};

/** What a piece must say of a version. */
export const kindOf = (version: ModelVersion | undefined): LayerPiece['kind'] => {
  if (version === undefined) return 'none';
  if (version.kind === ROW_KIND.zero) return 'zero';
  return version.kind === ROW_KIND.data ? 'data' : 'lost';
};
