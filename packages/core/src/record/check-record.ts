import { blockCount, firstBadBlock } from '../checksum/crc32c.js';
import { RetraceError } from '../errors/retrace-error.js';
import { LIMITS } from '../limits.js';
import { changesContent, hasBody, RECORD_KIND, recordKindName } from './kinds.js';
import type { AgentRecord } from './record.js';

/** The shape of a volume that its records are checked against. */
export interface VolumeShape {
  readonly sizeBytes: number;
  readonly blockBytes: number;
}

const invalid = (record: AgentRecord, why: string): RetraceError => {
  const kind = recordKindName(record.kind) ?? record.kind;
  return new RetraceError('RECORD_INVALID', `${kind} record ${record.n}: ${why}`);
};

const fail = (record: AgentRecord, why: string): never => {
  throw invalid(record, why);
};

/**
 * Checks that a record has the shape of its kind (record.ts) and lies within its volume.
 * @param shape - undefined for a record of the whole group
 * @throws RetraceError RECORD_INVALID
 */
export const checkRecordShape = (record: AgentRecord, shape: VolumeShape | undefined): void => {
  if (hasBody(record.kind)) {
    checkBodyShape(record);
    return;
  }
  if (shape === undefined) throw invalid(record, 'names no volume');
  if (record.kind === RECORD_KIND.flush) {
    if (record.offset !== 0 || record.length !== 0) fail(record, 'a flush has no range');
  } else if (changesContent(record.kind)) {
    checkRange(record, shape);
  }
  const payloadBytes = record.kind === RECORD_KIND.write ? record.length : 0;
  const checksums =
    record.kind === RECORD_KIND.write ? blockCount(payloadBytes, shape.blockBytes) : 0;
  if (record.payload.length !== payloadBytes) fail(record, 'payload and length differ');
  if (record.checksums.length !== checksums) fail(record, `${checksums} checksums expected`);
};

const checkBodyShape = (record: AgentRecord): void => {
  if (record.payload.length > LIMITS.bodyBytesMax) fail(record, 'body over the limit');
  if (record.length !== record.payload.length || record.offset !== 0) fail(record, 'wrong length');
  if (record.checksums.length !== 1) fail(record, 'one checksum expected');
};

const checkRange = (record: AgentRecord, { sizeBytes, blockBytes }: VolumeShape): void => {
  const end = record.offset + record.length;
  if (record.length === 0) fail(record, 'empty range');
  if (end > sizeBytes) fail(record, `ends at ${end}, the volume at ${sizeBytes}`);
  if (record.offset % blockBytes !== 0) fail(record, 'does not start at a block');
  if (end % blockBytes !== 0 && end !== sizeBytes) fail(record, 'does not end at a block');
  const limit = LIMITS.recordPayloadBytesMax + LIMITS.recordLengthSlackBytes;
  if (record.kind === RECORD_KIND.write && record.length > limit) fail(record, 'over the limit');
};

/**
 * Compares a record's bytes with its checksums.
 * @param blockBytes - the volume's; a body counts as one block
 * @throws RetraceError RECORD_CHECKSUM, naming the first bad block
 */
export const checkRecordChecksums = (record: AgentRecord, blockBytes: number): void => {
  if (record.checksums.length === 0) return;
  const unit = hasBody(record.kind) ? Math.max(record.payload.length, 1) : blockBytes;
  const bad = firstBadBlock(record.payload, unit, record.checksums);
  if (bad >= 0) {
    const at = record.offset + bad * unit;
    throw new RetraceError('RECORD_CHECKSUM', `record ${record.n}: bytes at ${at} are damaged`);
  }
};
