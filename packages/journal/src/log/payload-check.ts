import { firstBadBlock } from '@retrace/core';
import type { LogRecord } from './log-record.js';

/**
 * Bytes of the blocks that a record's checksums stand for: the power of two that cuts `length`
 * bytes into `count` pieces. There is only one, so no record needs to say it.
 */
export const checksumUnit = (length: number, count: number): number => {
  if (count <= 1) return Math.max(length, 1);
  return 2 ** Math.ceil(Math.log2(length / count));
};

/** Byte of the first block that is not what was written, or -1 when all are. */
export const firstDamagedByte = (record: LogRecord, payload: Buffer): number => {
  const unit = checksumUnit(payload.length, record.checksums.length);
  const bad = firstBadBlock(payload, unit, record.checksums);
  return bad < 0 ? -1 : bad * unit;
};
