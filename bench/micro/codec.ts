import { randomBytes } from 'node:crypto';
import {
  type AgentRecord,
  checkRecordChecksums,
  checkRecordShape,
  decodeDataFrame,
  type Epoch,
  encodeDataFrame,
  type RecordNumber,
  systemClock,
} from '@retrace/core';
import { writeContent } from '../retrace/synthetic-agent.js';
import type { AddTask } from './task.js';

const RECORDS = 256;
const BLOCK_BYTES = 4096;
const EPOCH = 1 as Epoch;

/** A data frame of 256 records of 4 KiB: made, taken apart, checked. */
export function addCodecTasks(add: AddTask): void {
  const timeUs = systemClock.nowUs();
  const records: AgentRecord[] = Array.from({ length: RECORDS }, (_, index) => ({
    ...writeContent(index * BLOCK_BYTES, randomBytes(BLOCK_BYTES), BLOCK_BYTES),
    flags: 0,
    volumeIndex: 0,
    n: (index + 1) as RecordNumber,
    timeUs,
  }));
  const frame = encodeDataFrame(EPOCH, records);
  const shape = { sizeBytes: 2 ** 40, blockBytes: BLOCK_BYTES };
  add('data frame of 256 x 4 KiB: encode', RECORDS, 'record', () =>
    encodeDataFrame(EPOCH, records),
  );
  add('data frame of 256 x 4 KiB: decode', RECORDS, 'record', () => decodeDataFrame(frame));
  add('records: check shape and checksums', RECORDS, 'record', () => {
    for (const record of records) {
      checkRecordShape(record, shape);
      checkRecordChecksums(record, BLOCK_BYTES);
    }
  });
}
