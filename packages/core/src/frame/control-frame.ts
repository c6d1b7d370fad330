import { RetraceError } from '../errors/retrace-error.js';
import { LIMITS } from '../limits.js';
import { decodeMap, encodeMap } from '../record/body.js';
import { MapReader } from '../record/map-reader.js';

/** "RTC1", the first four bytes of every control message; one msgpack map follows. */
const MAGIC = Buffer.from('RTC1', 'latin1');

/** Encodes a control message (agent-messages.ts, server-messages.ts). */
export const encodeControl = (message: object): Buffer =>
  Buffer.concat([MAGIC, encodeMap(message)]);

/**
 * Opens a control message for reading.
 * @throws RetraceError FRAME_INVALID, FRAME_TOO_LARGE
 */
export const decodeControl = (bytes: Buffer): MapReader => {
  if (bytes.length < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new RetraceError('FRAME_INVALID', 'neither a data frame nor a control message');
  }
  const map = decodeMap(bytes.subarray(MAGIC.length), 'control message', LIMITS.controlBytesMax);
  return new MapReader(map, 'control message');
};
