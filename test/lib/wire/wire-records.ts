import { randomUUID } from 'node:crypto';
import {
  type AgentRecord,
  type ByteOffset,
  blockChecksums,
  encodeDefinition,
  encodeMark,
  GROUP_VOLUME_INDEX,
  type GroupDefinition,
  type Mark,
  NO_CHECKSUMS,
  NO_PAYLOAD,
  RECORD_FLAG,
  RECORD_KIND,
  type RecordNumber,
  systemClock,
  type VolumeDefinition,
} from '@retrace/core';

const BLOCK_BYTES = 4096;

/** A group of one volume, as an agent defines it. */
export interface WireIdentity {
  readonly group: GroupDefinition;
  readonly volume: VolumeDefinition;
  readonly sessionId: string;
}

/** Somebody new, whose volume `MACHINE/root` has this size. */
export function newIdentity(machine: string, sizeBytes: number): WireIdentity {
  const group = { define: 'group', uuid: randomUUID(), name: machine } as const;
  const place = { machine, name: 'root', sizeBytes, blockBytes: BLOCK_BYTES };
  return {
    group,
    volume: { define: 'volume', uuid: randomUUID(), ...place },
    sessionId: randomUUID(),
  };
}

/** Numbers the records of one epoch, densely and with times that do not decrease. */
export class WireRecords {
  /** All of them, in order: the first has n = 1. */
  readonly all: AgentRecord[] = [];
  #lastUs = 0;

  write(offset: number, payload: Buffer): AgentRecord {
    return this.#add({
      kind: RECORD_KIND.write,
      offset: offset as ByteOffset,
      length: payload.length,
      checksums: blockChecksums(payload, BLOCK_BYTES),
      payload,
    });
  }

  zero(offset: number, length: number, flags = 0): AgentRecord {
    const place = { offset: offset as ByteOffset, length };
    return this.#add({ kind: RECORD_KIND.zero, flags, ...place });
  }

  flush(): AgentRecord {
    return this.#add({ kind: RECORD_KIND.flush });
  }

  mark(mark: Mark, volumeIndex: number = GROUP_VOLUME_INDEX): AgentRecord {
    return this.#body(RECORD_KIND.mark, encodeMark(mark), volumeIndex);
  }

  /** What an epoch begins with, and the first copy of an empty disk. */
  begin({ group, volume }: WireIdentity): void {
    this.mark({ mark: 'start', software: 'test' });
    this.#body(RECORD_KIND.define, encodeDefinition(group), GROUP_VOLUME_INDEX);
    this.#body(RECORD_KIND.define, encodeDefinition(volume), 0);
    this.mark({ mark: 'sync-begin' }, 0);
    this.zero(0, volume.sizeBytes, RECORD_FLAG.syncCopy);
    this.mark({ mark: 'sync-complete' }, 0);
  }

  #body(kind: AgentRecord['kind'], payload: Buffer, volumeIndex: number): AgentRecord {
    const checksums = blockChecksums(payload, payload.length);
    return this.#add({ kind, volumeIndex, length: payload.length, checksums, payload });
  }

  #add(fields: Partial<AgentRecord> & Pick<AgentRecord, 'kind'>): AgentRecord {
    this.#lastUs = Math.max(this.#lastUs, systemClock.nowUs());
    const record: AgentRecord = {
      flags: 0,
      volumeIndex: 0,
      offset: 0 as ByteOffset,
      length: 0,
      checksums: NO_CHECKSUMS,
      payload: NO_PAYLOAD,
      ...fields,
      n: (this.all.length + 1) as RecordNumber,
      timeUs: this.#lastUs as AgentRecord['timeUs'],
    };
    this.all.push(record);
    return record;
  }
}
