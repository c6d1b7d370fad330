import { endianness } from 'node:os';
import { assert } from '@retrace/core';

/** Formats are little-endian and words are read in place. */
assert(endianness() === 'LE', 'this machine is little-endian');

const POLYNOMIAL = 0x82f6_3b78;

const makeTables = (): Uint32Array => {
  const tables = new Uint32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc >>> 0;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 4; table++) {
      const before = tables[(table - 1) * 256 + byte]!;
      tables[table * 256 + byte] = (before >>> 8) ^ tables[before & 0xff]!;
    }
  }
  return tables;
};

const TABLES = makeTables();

/**
 * CRC-32C of 32-bit words [from, to), as of their little-endian bytes. For records' headers and
 * short lists: a call of the native function costs more than a hundred bytes do here.
 */
export const crc32cWords = (words: Uint32Array, from: number, to: number): number => {
  let crc = -1;
  for (let i = from; i < to; i++) {
    crc ^= words[i]!;
    crc =
      TABLES[768 + (crc & 0xff)]! ^
      TABLES[512 + ((crc >>> 8) & 0xff)]! ^
      TABLES[256 + ((crc >>> 16) & 0xff)]! ^
      TABLES[crc >>> 24]!;
  }
  return ~crc >>> 0;
};
