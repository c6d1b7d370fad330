import { corrupt } from './corrupt.js';

/**
 * Whole numbers of both signs, up to 2^53 - 1 either way, in 1 to 8 bytes. First byte: bit 0 the
 * sign, bits 1 to 6 the lowest bits of the magnitude, bit 7 set when more follows. Each further
 * byte: 7 bits more, and bit 7 again.
 */
export const SIGNED_BYTES_MAX = 8;
const MAGNITUDE_MAX = Number.MAX_SAFE_INTEGER;
const INT_BITS = 2 ** 30;

/** Writes one number. @returns the byte after it; `target` must have room */
const putSigned = (target: Buffer, at: number, value: number): number => {
  const magnitude = Math.abs(value);
  const sign = value < 0 ? 1 : 0;
  let position = at;
  if (magnitude < INT_BITS) {
    let rest = magnitude >>> 6;
    target[position++] = ((magnitude & 0x3f) << 1) | sign | (rest > 0 ? 0x80 : 0);
    while (rest > 0) {
      const byte = rest & 0x7f;
      rest >>>= 7;
      target[position++] = rest > 0 ? byte | 0x80 : byte;
    }
    return position;
  }
  target[position++] = ((magnitude % 64) << 1) | sign | 0x80;
  let rest = Math.floor(magnitude / 64);
  while (rest > 0) {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    target[position++] = rest > 0 ? byte | 0x80 : byte;
  }
  return position;
};

/** Numbers of both signs, one after the other. */
export const encodeSigned = (values: ArrayLike<number>, count: number = values.length): Buffer => {
  const bytes = Buffer.allocUnsafe(count * SIGNED_BYTES_MAX);
  let at = 0;
  for (let i = 0; i < count; i++) at = putSigned(bytes, at, values[i]!);
  return bytes.subarray(0, at);
};

/** Numbers from 0 to 2^53 - 1, each as the difference to the one before, the first to 0. */
export const encodeDeltas = (values: ArrayLike<number>, count: number = values.length): Buffer => {
  const bytes = Buffer.allocUnsafe(count * SIGNED_BYTES_MAX);
  let at = 0;
  let before = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    at = putSigned(bytes, at, value - before);
    before = value;
  }
  return bytes.subarray(0, at);
};

/** Reads numbers one after the other out of bytes that must hold exactly them. */
class SignedReader {
  readonly #bytes: Buffer;
  readonly #place: string;
  #at = 0;

  constructor(bytes: Buffer, place: string) {
    this.#bytes = bytes;
    this.#place = place;
  }

  next(): number {
    const first = this.#byte();
    let magnitude = (first >>> 1) & 0x3f;
    if (first >= 0x80) {
      let scale = 64;
      for (let more = true, i = 1; more; i++) {
        const byte = this.#byte();
        if (i >= SIGNED_BYTES_MAX) throw corrupt(this.#place, 'a number has too many bytes');
        magnitude += (byte & 0x7f) * scale;
        scale *= 128;
        more = byte >= 0x80;
      }
    }
    if (magnitude > MAGNITUDE_MAX) throw corrupt(this.#place, 'a number is over 2^53 - 1');
    return (first & 1) === 1 ? 0 - magnitude : magnitude;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw corrupt(this.#place, 'a column is cut off');
    return byte;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw corrupt(this.#place, 'a column is too long');
  }
}

/** A number takes at least a byte: no more is allocated than the bytes could hold. */
const checkCount = (bytes: Buffer, count: number, place: string): void => {
  if (count > bytes.length) throw corrupt(place, `a column of ${count} numbers is cut off`);
};

/** The opposite of `encodeSigned`. @throws RetraceError CORRUPTION */
export const decodeSigned = (bytes: Buffer, count: number, place: string): Float64Array => {
  checkCount(bytes, count, place);
  const values = new Float64Array(count);
  const reader = new SignedReader(bytes, place);
  for (let i = 0; i < count; i++) values[i] = reader.next();
  reader.end();
  return values;
};

/** The opposite of `encodeDeltas`: numbers from 0 to 2^53 - 1. @throws RetraceError CORRUPTION */
export const decodeDeltas = (bytes: Buffer, count: number, place: string): Float64Array => {
  checkCount(bytes, count, place);
  const values = new Float64Array(count);
  const reader = new SignedReader(bytes, place);
  let value = 0;
  for (let i = 0; i < count; i++) {
    value += reader.next();
    if (value < 0 || value > MAGNITUDE_MAX) throw corrupt(place, 'a number is out of bounds');
    values[i] = value;
  }
  reader.end();
  return values;
};
