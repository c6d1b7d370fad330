import type { ByteOffset, RecordNumber, TimeUs } from '../ids/brands.js';
import type { RecordKind } from './kinds.js';

/**
 * One journaled event as agent and server exchange it. The epoch is that of the frame.
 *
 * Shapes, by kind:
 * - write: `offset`, `length` whole blocks (the volume's last block may be short), `payload` of
 *   `length` bytes, one checksum per block;
 * - zero, trim: `offset`, `length` in bytes, any size, no payload, no checksums;
 * - flush: offset and length 0, no payload. Covers every record of its volume with a smaller n;
 * - mark, define: `payload` is a msgpack body (body.ts), `length` its size, one checksum.
 */
export interface AgentRecord {
  readonly kind: RecordKind;
  /** Bits of RECORD_FLAG. */
  readonly flags: number;
  /** Index into the volumes of the session's hello; GROUP_VOLUME_INDEX for the group as a whole. */
  readonly volumeIndex: number;
  readonly n: RecordNumber;
  readonly timeUs: TimeUs;
  readonly offset: ByteOffset;
  readonly length: number;
  readonly checksums: Uint32Array;
  readonly payload: Buffer;
}

/** The volume index of records that concern the whole group. */
export const GROUP_VOLUME_INDEX = 0xffff;

export const NO_PAYLOAD: Buffer = Buffer.alloc(0);
export const NO_CHECKSUMS: Uint32Array = new Uint32Array(0);
