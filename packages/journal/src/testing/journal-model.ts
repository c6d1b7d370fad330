import {
  type AgentRecord,
  type ByteOffset,
  blockChecksums,
  encodeDefinition,
  encodeMark,
  GROUP_VOLUME_INDEX,
  type Mark,
  NO_CHECKSUMS,
  NO_PAYLOAD,
  RECORD_KIND,
  type RecordKind,
  type RecordNumber,
  type TimeUs,
  type VolumeDefinition,
  type VolumeId,
} from '@retrace/core';
import type { Group } from '../group/group.js';
import type { Journal } from '../journal.js';

export const BLOCK = 4096;

/** One step of a random history. */
export type Step =
  | {
      readonly what: 'write';
      readonly volume: number;
      readonly block: number;
      readonly blocks: number;
      readonly fill: number;
    }
  | {
      readonly what: 'zero' | 'trim';
      readonly volume: number;
      readonly block: number;
      readonly blocks: number;
    }
  | { readonly what: 'flush'; readonly volume: number };

const uuid = (digit: number): string =>
  `00000000-0000-0000-0000-${String(digit).padStart(12, '0')}`;

/** Volumes of a model group: sizes in bytes, need not be whole blocks. */
export const definitionsOf = (sizes: readonly number[]): VolumeDefinition[] =>
  sizes.map((sizeBytes, i) => ({
    define: 'volume',
    uuid: uuid(i + 1),
    machine: 'm',
    name: `v${i}`,
    sizeBytes,
    blockBytes: BLOCK,
  }));

/**
 * An agent in small and, beside it, the naive truth: the bytes of every volume after every seq.
 * Drives a journal through `GroupStream` as the server does.
 */
export class JournalModel {
  readonly definitions: readonly VolumeDefinition[];
  /** By seq: the bytes of every volume. */
  readonly truth: (readonly Buffer[])[] = [];
  group!: Group;
  volumeIds: readonly VolumeId[] = [];
  #journal!: Journal;
  #epoch = 0;
  #n = 0;
  #timeUs = 1_795_000_000_000_000;
  readonly #disks: Buffer[];

  constructor(sizes: readonly number[]) {
    this.definitions = definitionsOf(sizes);
    this.#disks = sizes.map((size) => Buffer.alloc(size));
    this.truth.push(this.#disks.map((disk) => Buffer.from(disk)));
  }

  /** A start of the agent: registers, fences, marks every volume consistent. */
  async connect(journal: Journal): Promise<void> {
    this.#journal = journal;
    const groupDefinition = { define: 'group', uuid: uuid(0), name: 'm' } as const;
    const { group, volumeIds } = await journal.register(groupDefinition, this.definitions);
    this.group = group;
    this.volumeIds = volumeIds;
    this.#epoch += 1;
    this.#n = 0;
    await group.stream.fence({ epoch: this.#epoch, instanceId: `i${this.#epoch}`, sessionId: 's' });
    const records = [
      this.#mark({ mark: 'start', software: 'model' }, GROUP_VOLUME_INDEX),
      ...this.definitions.map((definition, i) =>
        this.#body(RECORD_KIND.define, encodeDefinition(definition), i),
      ),
      ...this.definitions.flatMap((_, i) => this.#copy(i)),
    ];
    await this.send(records);
  }

  get lastSeq(): number {
    return this.truth.length - 1;
  }

  /** The whole copy of a volume; it changes nothing, for the journal had it right all along. */
  #copy(volume: number): AgentRecord[] {
    const disk = this.#disks[volume]!;
    const empty = disk.every((byte) => byte === 0);
    return [
      this.#mark({ mark: 'sync-begin' }, volume),
      empty
        ? this.#range(RECORD_KIND.zero, volume, 0, disk.length)
        : this.#writeRecord(volume, 0, Buffer.from(disk)),
      this.#mark({ mark: 'sync-complete' }, volume),
    ];
  }

  /** The record of a step; the truth moves on with it. */
  apply(step: Step): AgentRecord {
    const disk = this.#disks[step.volume]!;
    if (step.what === 'flush') return this.#range(RECORD_KIND.flush, step.volume, 0, 0);
    const offset = Math.min(step.block * BLOCK, Math.floor((disk.length - 1) / BLOCK) * BLOCK);
    const end = Math.min(offset + step.blocks * BLOCK, disk.length);
    if (step.what !== 'write') {
      disk.fill(0, offset, end);
      const kind = step.what === 'zero' ? RECORD_KIND.zero : RECORD_KIND.trim;
      return this.#range(kind, step.volume, offset, end - offset);
    }
    const payload = Buffer.alloc(end - offset, step.fill);
    for (let at = 0; at < payload.length; at += BLOCK) payload.writeUInt32LE(this.#n, at);
    payload.copy(disk, offset);
    return this.#writeRecord(step.volume, offset, payload);
  }

  /** Gives records to the journal; resolves when they are durable. */
  async send(records: readonly AgentRecord[]): Promise<void> {
    const batch = { epoch: this.#epoch, records, volumeIds: this.volumeIds };
    await this.group.stream.append(batch);
  }

  watermark(): void {
    this.group.stream.watermark(this.#timeUs, { epoch: this.#epoch, n: this.#n });
  }

  get journal(): Journal {
    return this.#journal;
  }

  #writeRecord(volume: number, offset: number, payload: Buffer): AgentRecord {
    return this.#record({
      kind: RECORD_KIND.write,
      volumeIndex: volume,
      offset: offset as ByteOffset,
      length: payload.length,
      checksums: blockChecksums(payload, BLOCK),
      payload,
    });
  }

  #range(kind: RecordKind, volume: number, offset: number, length: number): AgentRecord {
    return this.#record({
      kind,
      volumeIndex: volume,
      offset: offset as ByteOffset,
      length,
      checksums: NO_CHECKSUMS,
      payload: NO_PAYLOAD,
    });
  }

  #mark(mark: Mark, volumeIndex: number): AgentRecord {
    return this.#body(RECORD_KIND.mark, encodeMark(mark), volumeIndex);
  }

  #body(kind: RecordKind, payload: Buffer, volumeIndex: number): AgentRecord {
    return this.#record({
      kind,
      volumeIndex,
      offset: 0 as ByteOffset,
      length: payload.length,
      checksums: blockChecksums(payload, payload.length),
      payload,
    });
  }

  #record(fields: Omit<AgentRecord, 'n' | 'timeUs' | 'flags'>): AgentRecord {
    this.#n += 1;
    this.#timeUs += 7;
    this.truth.push(this.#disks.map((disk) => Buffer.from(disk)));
    return {
      ...fields,
      flags: 0,
      n: this.#n as RecordNumber,
      timeUs: this.#timeUs as TimeUs,
    };
  }
}
