import {
  type ByteOffset,
  blockChecksums,
  type Clock,
  crc32c,
  type Epoch,
  encodeMark,
  type GroupId,
  NO_CHECKSUMS,
  NO_PAYLOAD,
  RECORD_KIND,
  type RecordNumber,
  type Seq,
  type TimeUs,
  type VolumeId,
} from '@retrace/core';
import { createCatalog } from '../../catalog/begin-generation.js';
import { Catalog } from '../../catalog/catalog.js';
import { silentLogger } from '../../storage/logger.js';
import type { Storage } from '../../storage/storage.js';
import type { Chance } from '../../storage/testing/faults.js';
import type { LogLimits } from '../limits.js';
import { Log } from '../log.js';
import type { CommitInfo, LogInput, LogRecord } from '../log-record.js';
import { ManualTimers } from './manual-timers.js';

export const SERVER_UUID = '3f0c1d52-8a2e-4a8e-9a55-0c1b7b6d9e10';

/** Segments, chunks and commits so small that a short test meets all their borders. */
export const TINY_LIMITS: Partial<LogLimits> = {
  segmentBytesMax: 24 * 1024,
  segmentEntryBytesMax: 4 * 1024,
  chunkRecordsMax: 3,
  commitBytesMax: 12 * 1024,
  openDatabasesMax: 1,
  openFilesMax: 2,
};

/** A clock that moves by a millisecond a reading. */
export const tickingClock = (startUs = 1_700_000_000_000_000): Clock => {
  let now = startUs;
  return {
    nowUs: () => {
      now += 1000;
      return now as TimeUs;
    },
  };
};

/** Makes records with dense numbers per group, of all kinds and of random contents. */
export class RecordMaker {
  readonly #chance: Chance;
  readonly #seqs = new Map<number, number>();

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Continues the numbers behind what is stored. */
  reset(records: readonly LogRecord[]): void {
    this.#seqs.clear();
    for (const { groupId, seq } of records) this.#seqs.set(groupId, seq);
  }

  next(groupId = 1 + this.#chance.below(3)): LogInput {
    const seq = (this.#seqs.get(groupId) ?? 0) + 1;
    this.#seqs.set(groupId, seq);
    const roll = this.#chance.below(10);
    const base = {
      groupId: groupId as GroupId,
      volumeId: (1 + this.#chance.below(2)) as VolumeId,
      epoch: 7 as Epoch,
      n: seq as RecordNumber,
      seq: seq as Seq,
      flags: this.#chance.below(4),
      timeUs: (1e15 + seq) as TimeUs,
      agentTimeUs: (1e15 + seq + (roll === 0 ? 5 : 0)) as TimeUs,
    };
    if (roll < 6) return { ...base, ...this.#write() };
    if (roll < 8) return { ...base, ...this.#range() };
    return { ...base, ...markFields(`seq-${seq}`) };
  }

  #write() {
    const blocks = 1 + this.#chance.below(3);
    const length = blocks * 512 - (this.#chance.hit(0.1) ? 100 : 0);
    const payload = Buffer.alloc(length, this.#chance.below(256));
    payload.writeUInt32LE(this.#chance.below(2 ** 32), 0);
    const checksums = blockChecksums(payload, 512);
    const offset = (this.#chance.below(1000) * 512) as ByteOffset;
    return { kind: RECORD_KIND.write, offset, length, checksums, payload };
  }

  #range() {
    const offset = (this.#chance.below(1000) * 512) as ByteOffset;
    const length = this.#chance.hit() ? 2 ** 40 : 512;
    const kind = this.#chance.hit() ? RECORD_KIND.zero : RECORD_KIND.trim;
    return { kind, offset, length, checksums: NO_CHECKSUMS, payload: NO_PAYLOAD };
  }
}

const markFields = (name: string) => {
  const payload = encodeMark({ mark: 'bookmark', name, consistency: 'crash' });
  return {
    kind: RECORD_KIND.mark,
    offset: 0 as ByteOffset,
    length: payload.length,
    checksums: blockChecksums(payload, payload.length),
    payload,
  };
};

/** A log with all that it was told and told. */
export interface OpenLog {
  readonly log: Log;
  readonly catalog: Catalog;
  readonly timers: ManualTimers;
  readonly records: LogRecord[];
  readonly commits: CommitInfo[];
}

/** Opens catalog and log; makes them where there are none. */
export const openLog = async (
  storage: Storage,
  limits: Partial<LogLimits> = TINY_LIMITS,
  clock: Clock = tickingClock(),
): Promise<OpenLog> => {
  if ((await storage.list('catalog')).length === 0) {
    await storage.makeDirectory('');
    await createCatalog(storage);
  }
  const catalog = await Catalog.open(storage);
  const records: LogRecord[] = [];
  const commits: CommitInfo[] = [];
  const timers = new ManualTimers();
  const log = await Log.open({
    storage,
    catalog,
    serverUuid: SERVER_UUID,
    clock,
    timers,
    limits,
    logger: silentLogger,
    onRecords: (more, commit) => {
      records.push(...more);
      if (commits[commits.length - 1]?.commit !== commit.commit) commits.push(commit);
    },
  });
  return { log, catalog, timers, records, commits };
};

export const closeLog = async ({ log, catalog }: OpenLog): Promise<void> => {
  await log.close();
  await catalog.close();
};

/** What must come back of a record, as a text to compare. */
export const describeInput = (input: LogInput): string =>
  JSON.stringify({
    ...input,
    checksums: [...input.checksums],
    payload: `${input.payload.length} bytes, ${crc32c(input.payload)}`,
  });

/** A stored record with its payload, read back, in the same form. */
export const describeStored = async (log: Log, record: LogRecord): Promise<string> => {
  const payload = Buffer.alloc(record.payloadBytes);
  if (payload.length > 0) await log.readPayload(record.segment, record.position, payload);
  const { groupId, volumeId, epoch, n, seq, flags, timeUs, agentTimeUs } = record;
  const { kind, offset, length, checksums, body } = record;
  const input: LogInput = {
    ...{ groupId, volumeId, epoch, n, seq, flags, timeUs, agentTimeUs },
    ...{ kind, offset, length, checksums, payload: body ?? payload },
  };
  return describeInput(input);
};

/** A stored record as a text to compare, but for where it lies. */
export const describeRecord = ({ body, ...record }: LogRecord): string => {
  const { lsn, groupId, volumeId, epoch, n, seq, kind, flags, timeUs, offset, length } = record;
  const fields = [lsn, groupId, volumeId, epoch, n, seq, kind, flags, timeUs, offset, length];
  return `${fields.join(' ')} ${body?.toString('hex') ?? ''}`;
};

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};
