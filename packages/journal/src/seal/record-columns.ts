import type {
  ByteOffset,
  Epoch,
  Lsn,
  RecordKind,
  RecordNumber,
  Seq,
  TimeUs,
  VolumeId,
} from '@retrace/core';
import type { LayerRecord } from '../layer/record-page.js';
import type { LogRecord } from '../log/log-record.js';

const FIRST_ROWS = 1024;

/** Places of a record's fields in its row. */
const FIELD = {
  seq: 0,
  lsn: 1,
  kind: 2,
  flags: 3,
  volumeId: 4,
  epoch: 5,
  n: 6,
  timeUs: 7,
  agentTimeUs: 8,
  arrivalUs: 9,
  offset: 10,
  length: 11,
} as const;
const FIELDS = 12;

/**
 * Headers of a group's records while they wait to be written: 96 bytes each, a third of what they
 * take as objects.
 */
export class RecordColumns {
  #rows = new Float64Array(FIRST_ROWS * FIELDS);
  #count = 0;
  readonly #bodies = new Map<number, Buffer>();

  /** Keeps a record without its place in the log and its checksums. */
  add(record: LogRecord): void {
    const at = this.#count * FIELDS;
    if (at === this.#rows.length) {
      const larger = new Float64Array(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    const rows = this.#rows;
    rows[at + FIELD.seq] = record.seq;
    rows[at + FIELD.lsn] = record.lsn;
    rows[at + FIELD.kind] = record.kind;
    rows[at + FIELD.flags] = record.flags;
    rows[at + FIELD.volumeId] = record.volumeId;
    rows[at + FIELD.epoch] = record.epoch;
    rows[at + FIELD.n] = record.n;
    rows[at + FIELD.timeUs] = record.timeUs;
    rows[at + FIELD.agentTimeUs] = record.agentTimeUs;
    rows[at + FIELD.arrivalUs] = record.arrivalUs;
    rows[at + FIELD.offset] = record.offset;
    rows[at + FIELD.length] = record.length;
    if (record.body !== undefined) this.#bodies.set(this.#count, record.body);
    this.#count += 1;
  }

  /** All of them, in the order they came. */
  *records(): Generator<LayerRecord> {
    const rows = this.#rows;
    for (let row = 0; row < this.#count; row++) {
      const at = row * FIELDS;
      const body = this.#bodies.get(row);
      yield {
        seq: rows[at + FIELD.seq] as Seq,
        lsn: rows[at + FIELD.lsn] as Lsn,
        kind: rows[at + FIELD.kind] as RecordKind,
        flags: rows[at + FIELD.flags]!,
        volumeId: rows[at + FIELD.volumeId] as VolumeId,
        epoch: rows[at + FIELD.epoch] as Epoch,
        n: rows[at + FIELD.n] as RecordNumber,
        timeUs: rows[at + FIELD.timeUs] as TimeUs,
        agentTimeUs: rows[at + FIELD.agentTimeUs] as TimeUs,
        arrivalUs: rows[at + FIELD.arrivalUs] as TimeUs,
        offset: rows[at + FIELD.offset] as ByteOffset,
        length: rows[at + FIELD.length]!,
        ...(body === undefined ? {} : { body }),
      };
    }
  }
}
