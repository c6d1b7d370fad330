import { Packr, Unpackr } from 'msgpackr';
import { RetraceError } from '../errors/retrace-error.js';
import { LIMITS } from '../limits.js';

const OPTIONS = { useRecords: false, mapsAsObjects: true, variableMapSize: true } as const;
const packr = new Packr(OPTIONS);
const unpackr = new Unpackr(OPTIONS);

/** A msgpack map as bytes, in a buffer of its own. */
export const encodeMap = (map: object): Buffer => Buffer.from(packr.pack(map));

/**
 * Decodes a msgpack map. The values are unchecked: narrow them before use.
 * @param what - what the bytes are, for the error
 * @throws RetraceError FRAME_INVALID for anything but one map; FRAME_TOO_LARGE over `bytesMax`
 */
export const decodeMap = (
  bytes: Buffer,
  what: string,
  bytesMax: number = LIMITS.controlBytesMax,
): Readonly<Record<string, unknown>> => {
  if (bytes.length > bytesMax) {
    throw new RetraceError(
      'FRAME_TOO_LARGE',
      `${what} of ${bytes.length} bytes, limit ${bytesMax}`,
    );
  }
  let value: unknown;
  try {
    value = unpackr.unpack(bytes);
  } catch (cause) {
    throw new RetraceError('FRAME_INVALID', `${what} is not msgpack`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RetraceError('FRAME_INVALID', `${what} is not a map`);
  }
  return value as Record<string, unknown>;
};
