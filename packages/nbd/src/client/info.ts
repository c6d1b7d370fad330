import { NbdError } from '../errors.js';
import type { NbdExportSupport } from '../export/export.js';
import { TransmissionFlag as Flag, InfoType } from '../protocol/constants.js';

/** What a server says of an export. */
export interface NbdClientInfo {
  /** The name it was asked for by. */
  readonly exportName: string;
  /** What it calls itself, where the server says. */
  readonly canonicalName?: string;
  readonly description?: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly canMultiConn: boolean;
  readonly supports: NbdExportSupport;
  readonly minBlockBytes: number;
  readonly preferredBlockBytes: number;
  /** Largest READ and WRITE. */
  readonly maxPayloadBytes: number;
}

const MIN_BLOCK_BYTES = 1;
const PREFERRED_BLOCK_BYTES = 4096;
const PAYLOAD_BYTES = 32 * 1024 * 1024;

/**
 * Puts the INFO replies to one option together.
 *
 * @throws NbdError NBD_PROTOCOL when the size is missing or too large for a number.
 */
export function collectInfo(exportName: string, replies: readonly Buffer[]): NbdClientInfo {
  const byType = new Map<number, Buffer>();
  for (const reply of replies) if (reply.length >= 2) byType.set(reply.readUInt16BE(0), reply);
  const about = byType.get(InfoType.EXPORT);
  if (about?.length !== 12) throw new NbdError('NBD_PROTOCOL', 'the server told no size');
  const size = about.readBigUInt64BE(2);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new NbdError('NBD_PROTOCOL', `an export of ${size} bytes is too large for this client`);
  }
  const flags = about.readUInt16BE(10);
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const blocks = byType.get(InfoType.BLOCK_SIZE);
  const block = (at: number, otherwise: number): number =>
    blocks?.length === 14 ? blocks.readUInt32BE(at) : otherwise;
  const canonicalName = byType.get(InfoType.NAME)?.toString('utf8', 2);
  const description = byType.get(InfoType.DESCRIPTION)?.toString('utf8', 2);
  return {
    exportName,
    ...(canonicalName === undefined ? {} : { canonicalName }),
    ...(description === undefined ? {} : { description }),
    sizeBytes: Number(size),
    readOnly: has(Flag.READ_ONLY),
    canMultiConn: has(Flag.CAN_MULTI_CONN),
    supports: {
      flush: has(Flag.SEND_FLUSH),
      fua: has(Flag.SEND_FUA),
      trim: has(Flag.SEND_TRIM),
      writeZeroes: has(Flag.SEND_WRITE_ZEROES),
      cache: has(Flag.SEND_CACHE),
      fastZero: has(Flag.SEND_FAST_ZERO),
      rotational: has(Flag.ROTATIONAL),
    },
    minBlockBytes: block(2, MIN_BLOCK_BYTES),
    preferredBlockBytes: block(6, PREFERRED_BLOCK_BYTES),
    maxPayloadBytes: block(10, PAYLOAD_BYTES),
  };
}
