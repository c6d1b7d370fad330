import { randomBytes } from 'node:crypto';
import { blockChecksums, crc32c } from '@retrace/core';
import type { AddTask } from './task.js';

const LARGE_BYTES = 1 << 20;
const BLOCK_BYTES = 4096;

/** CRC-32C of one block, of a mebibyte, and of a mebibyte block by block. */
export function addChecksumTasks(add: AddTask): void {
  const large = randomBytes(LARGE_BYTES);
  const block = large.subarray(0, BLOCK_BYTES);
  add('crc32c of 4 KiB', BLOCK_BYTES, 'byte', () => crc32c(block));
  add('crc32c of 1 MiB', LARGE_BYTES, 'byte', () => crc32c(large));
  add('crc32c of 1 MiB in blocks', LARGE_BYTES, 'byte', () => blockChecksums(large, BLOCK_BYTES));
}
