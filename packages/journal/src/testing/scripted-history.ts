import {
  type AgentRecord,
  crc32c,
  encodeDefinition,
  encodeMark,
  type Mark,
  RECORD_KIND,
  type RecordKind,
} from '@retrace/core';
import { GroupHistory } from '../history/group-history.js';
import type { LogRecord } from '../log/log-record.js';

/** Builds a group's history record by record, for tests; volume 1 unless said otherwise. */
export class ScriptedHistory {
  readonly history: GroupHistory;
  #seq = 0;
  #epoch = 0;
  #n = 0;

  /** @param after - the script whose records the history has already */
  constructor(history: GroupHistory = new GroupHistory(), after?: ScriptedHistory) {
    this.history = history;
    if (after === undefined) return;
    this.#seq = after.#seq;
    this.#epoch = after.#epoch;
    this.#n = after.#n;
  }

  /** Begins an epoch with its start mark. */
  start(timeUs: number, volumes: readonly number[] = [1]): this {
    this.#epoch += 1;
    this.#n = 0;
    this.mark(timeUs, { mark: 'start', software: 'test' }, 0);
    for (const volume of volumes) this.#define(timeUs, volume);
    return this;
  }

  #define(timeUs: number, volume: number): void {
    const body = encodeDefinition({
      define: 'volume',
      uuid: `00000000-0000-0000-0000-00000000000${volume}`,
      machine: 'm',
      name: `v${volume}`,
      sizeBytes: 1 << 20,
      blockBytes: 4096,
    });
    this.#add(RECORD_KIND.define, timeUs, volume, body);
  }

  mark(timeUs: number, mark: Mark, volume = 1): this {
    return this.#add(RECORD_KIND.mark, timeUs, volume, encodeMark(mark));
  }

  write(timeUs: number, volume = 1): this {
    return this.#add(RECORD_KIND.write, timeUs, volume);
  }

  flush(timeUs: number, volume = 1): this {
    return this.#add(RECORD_KIND.flush, timeUs, volume);
  }

  /** Loses records: the next one comes `count` later in seq and n. */
  lose(count: number): this {
    this.#seq += count;
    this.#n += count;
    return this;
  }

  get lastSeq(): number {
    return this.#seq;
  }

  #add(kind: RecordKind, timeUs: number, volume: number, body?: Buffer): this {
    this.#seq += 1;
    this.#n += 1;
    const sums = Uint32Array.of(body === undefined ? 0 : crc32c(body));
    const record: Omit<AgentRecord, 'volumeIndex' | 'payload'> = {
      kind,
      flags: 0,
      n: this.#n as AgentRecord['n'],
      timeUs: timeUs as AgentRecord['timeUs'],
      offset: 0 as AgentRecord['offset'],
      length: kind === RECORD_KIND.write ? 4096 : (body?.length ?? 0),
      checksums: sums,
    };
    this.history.add({
      ...record,
      groupId: 1 as LogRecord['groupId'],
      volumeId: volume as LogRecord['volumeId'],
      epoch: this.#epoch as LogRecord['epoch'],
      seq: this.#seq as LogRecord['seq'],
      lsn: this.#seq as LogRecord['lsn'],
      agentTimeUs: record.timeUs,
      arrivalUs: (timeUs + 5) as LogRecord['arrivalUs'],
      segment: 1,
      position: 0,
      payloadBytes: kind === RECORD_KIND.write ? 4096 : 0,
      ...(body === undefined ? {} : { body }),
    });
    return this;
  }
}
