import { createHash } from 'node:crypto';
import { changesContent, crc32c, RECORD_KIND, RetraceError } from '@retrace/core';
import { GroupHistory } from '../history/group-history.js';
import type { HistorySummary } from '../history/history-summary.js';
import { type LayerSummary, LayerWriter } from '../layer/layer-writer.js';
import type { LayerLimits } from '../layer/limits.js';
import { ROW_KIND } from '../layer/rows.js';
import type { FoundChunk } from '../log/chunk-source.js';
import type { LogRecord } from '../log/log-record.js';
import type { SegmentRange } from '../log/segment-table.js';
import type { Storage } from '../storage/storage.js';
import { RecordColumns } from './record-columns.js';
import { type RowPlace, VolumeRows } from './volume-rows.js';

/** The log as sealing reads it. */
export interface SealSource {
  /** A segment's chunks in lsn order. */
  chunks(range: SegmentRange): AsyncIterable<FoundChunk>;
  readPayload(segment: number, position: number, target: Buffer): undefined | Promise<void>;
}

/** A volume that may have records in the segments. */
export interface SealVolume {
  readonly volumeId: number;
  readonly groupId: number;
  readonly blockBytes: number;
}

/** A group's history where the segments begin. */
export interface SealHistory {
  readonly groupId: number;
  readonly summary: HistorySummary;
}

/** What is to be sealed; plain data, so that it can be given to a worker thread. */
export interface SealJob {
  /** Neighbours in the chain, in order; none is empty. */
  readonly segments: readonly SegmentRange[];
  readonly layer: number;
  readonly path: string;
  readonly serverUuid: string;
  readonly volumes: readonly SealVolume[];
  readonly histories: readonly SealHistory[];
  readonly limits: Partial<LayerLimits>;
}

export interface SealResult {
  readonly layer: LayerSummary;
  /** The groups that had records, and what their histories come to behind them. */
  readonly histories: readonly SealHistory[];
  /** Blocks whose bytes were damaged in the log: the layer says so. */
  readonly lostBlocks: number;
}

/** Bytes that wait in memory before they are written. */
const FLUSH_BYTES = 4 * 1024 * 1024;

/**
 * Writes segments of the log as one layer: versions sorted by (volume, block, seq), records by
 * (group, seq). Payload is read block by block in its new order; memory is bounded by the number of
 * records of the segments. The file is synced; its name is the caller's to sync.
 * @throws RetraceError STORAGE_FAILED, DISK_FULL; the file is gone then
 */
export const sealSegments = async (
  job: SealJob,
  storage: Storage,
  source: SealSource,
): Promise<SealResult> => {
  const { path, layer, serverUuid, limits } = job;
  const collected = await collect(job, source);
  const writer = await LayerWriter.create({ storage, path, layer, serverUuid, limits });
  try {
    const lostBlocks = await writeVolumes(job, collected, writer, source);
    await writeGroups(collected, writer);
    const summary = await writer.finish({
      fromLsn: job.segments[0]!.firstLsn,
      toLsn: job.segments.at(-1)!.lastLsn,
      inputs: collected.inputs,
    });
    const histories = [...collected.records.keys()].map((groupId) => ({
      groupId,
      summary: collected.histories.get(groupId)!.summary(),
    }));
    return { layer: summary, histories, lostBlocks };
  } catch (error) {
    await writer.abort().catch(() => {});
    throw error;
  }
};

interface Collected {
  readonly inputs: { readonly kind: 'segment'; readonly number: number; readonly digest: string }[];
  readonly histories: Map<number, GroupHistory>;
  /** By group; only groups that have records. */
  readonly records: Map<number, RecordColumns>;
  /** By volume. */
  readonly rows: Map<number, VolumeRows>;
}

/** Reads the headers of all records: places of payload, and what becomes of the histories. */
const collect = async (job: SealJob, source: SealSource): Promise<Collected> => {
  const out: Collected = { inputs: [], histories: new Map(), records: new Map(), rows: new Map() };
  const blockBytes = new Map(job.volumes.map((volume) => [volume.volumeId, volume.blockBytes]));
  for (const { groupId, summary } of job.histories) {
    const history = new GroupHistory();
    history.restore(summary);
    out.histories.set(groupId, history);
  }
  // Known before their first record, so that damage of the group finds them.
  for (const { groupId, volumeId } of job.volumes) historyOf(out, groupId).volume(volumeId);
  for (const range of job.segments) {
    const digest = createHash('sha256');
    for await (const { chunk, entry } of source.chunks(range)) {
      const { header, records, watermarks } = chunk;
      digest.update(entry);
      for (const record of records) {
        historyOf(out, record.groupId).add(record);
        recordsOf(out, record.groupId).add(record);
        const bytes = blockBytes.get(record.volumeId);
        if (bytes !== undefined && changesContent(record.kind)) addContent(out, record, bytes);
      }
      for (const { groupId, timeUs, seq } of watermarks) {
        historyOf(out, groupId).noteWatermark(timeUs, seq, header.arrivalUs);
      }
    }
    out.inputs.push({ kind: 'segment', number: range.segment, digest: digest.digest('hex') });
  }
  return out;
};

const historyOf = ({ histories }: Collected, groupId: number): GroupHistory => {
  let history = histories.get(groupId);
  if (history === undefined) {
    history = new GroupHistory();
    histories.set(groupId, history);
  }
  return history;
};

const recordsOf = ({ records }: Collected, groupId: number): RecordColumns => {
  let columns = records.get(groupId);
  if (columns === undefined) {
    columns = new RecordColumns();
    records.set(groupId, columns);
  }
  return columns;
};

const addContent = ({ rows }: Collected, record: LogRecord, blockBytes: number): void => {
  let volume = rows.get(record.volumeId);
  if (volume === undefined) {
    volume = new VolumeRows();
    rows.set(record.volumeId, volume);
  }
  const { seq, segment, payloadBytes, checksums } = record;
  const first = record.offset / blockBytes;
  const count = Math.ceil(record.length / blockBytes);
  if (record.kind !== RECORD_KIND.write) {
    volume.addZeros(first, count, seq);
    return;
  }
  for (let i = 0; i < count; i++) {
    const at = i * blockBytes;
    const position = record.position + at;
    const bytes = Math.min(blockBytes, payloadBytes - at);
    volume.addRow({ block: first + i, seq, segment, position, bytes, checksum: checksums[i]! });
  }
};

/** @returns how many blocks could not be had */
const writeVolumes = async (
  { volumes }: SealJob,
  { rows, histories }: Collected,
  writer: LayerWriter,
  source: SealSource,
): Promise<number> => {
  let lost = 0;
  for (const { volumeId, groupId, blockBytes } of [...volumes].sort(byVolume)) {
    const recent = histories.get(groupId)?.recent;
    const activity = [...(recent?.activity(volumeId, 0, Number.POSITIVE_INFINITY) ?? [])];
    const own = rows.get(volumeId);
    if (own === undefined && activity.length === 0) continue;
    writer.beginVolume({ volumeId, groupId, blockBytes });
    for (const row of own?.rows() ?? []) {
      const buffer = Buffer.allocUnsafe(row.bytes);
      const whole = await readRow(source, row, buffer);
      if (whole) writer.row(row.block, row.seq, ROW_KIND.data, row.checksum, buffer);
      else writer.row(row.block, row.seq, ROW_KIND.lost, row.checksum, undefined);
      lost += whole ? 0 : 1;
      if (writer.pendingBytes >= FLUSH_BYTES) await writer.flush();
    }
    for (const { level, index, seq } of own?.regions() ?? []) writer.region(level, index, seq);
    writer.activity(activity);
    await writer.flush();
  }
  return lost;
};

const byVolume = (a: SealVolume, b: SealVolume): number => a.volumeId - b.volumeId;

/** False when the bytes are not those the agent sent: never sealed as if they were. */
const readRow = async (source: SealSource, row: RowPlace, target: Buffer): Promise<boolean> => {
  try {
    const waiting = source.readPayload(row.segment, row.position, target);
    if (waiting !== undefined) await waiting;
    return crc32c(target) === row.checksum;
  } catch (error) {
    if (error instanceof RetraceError && error.code === 'CORRUPTION') return false;
    throw error;
  }
};

const writeGroups = async ({ records }: Collected, writer: LayerWriter): Promise<void> => {
  for (const groupId of [...records.keys()].sort((a, b) => a - b)) {
    writer.beginGroup(groupId);
    for (const record of records.get(groupId)!.records()) {
      writer.record(record);
      if (writer.pendingBytes >= FLUSH_BYTES) await writer.flush();
    }
    await writer.flush();
  }
};
