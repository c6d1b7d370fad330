import { RetraceError } from '../errors/retrace-error.js';

const HIGH = 2 ** 32;

/**
 * Reads an unsigned 64-bit little-endian integer.
 * @throws RetraceError FRAME_INVALID above 2^53 - 1, which no field of any format may hold
 */
export const readU64 = (buffer: Buffer, position: number): number => {
  const high = buffer.readUInt32LE(position + 4);
  if (high >= 2 ** 21) {
    throw new RetraceError('FRAME_INVALID', `integer over 2^53 - 1 at byte ${position}`);
  }
  return buffer.readUInt32LE(position) + high * HIGH;
};

/** Writes a non-negative safe integer as unsigned 64-bit little-endian. */
export const writeU64 = (buffer: Buffer, value: number, position: number): void => {
  buffer.writeUInt32LE(value % HIGH, position);
  buffer.writeUInt32LE(Math.floor(value / HIGH), position + 4);
};
