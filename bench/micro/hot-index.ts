import { NO_CHECKSUMS, RECORD_KIND } from '@retrace/core';
import { HotIndex } from '@retrace/journal';
import type { AddTask } from './task.js';

const VOLUME = 1;
const BLOCK_BYTES = 4096;
const BLOCKS = 2 ** 28;
const FILLED = 1_000_000;
const CALLS = 1000;
/** Adding goes on as long as it is measured: a fresh index from time to time bounds the memory. */
const ADDED_MAX = 2_000_000;

const randomBlock = (): number => Math.floor(Math.random() * BLOCKS);

/** Insert and look up in an index of a million writes spread over 1 TiB. */
export function addHotIndexTasks(add: AddTask): void {
  const checksums = new Uint32Array(1);
  const insert = (index: HotIndex, seq: number): void => {
    const place = { startBlock: randomBlock(), blocks: 1 };
    const stored = { segment: 1, position: 0, payloadBytes: BLOCK_BYTES };
    const extent = { seq, kind: RECORD_KIND.write, ...place, ...stored };
    index.add(VOLUME, extent, checksums, BLOCK_BYTES);
  };
  const filled = new HotIndex();
  const trim = { startBlock: 0, blocks: BLOCKS, segment: 0, position: 0, payloadBytes: 0 };
  filled.add(VOLUME, { seq: 1, kind: RECORD_KIND.trim, ...trim }, NO_CHECKSUMS, BLOCK_BYTES);
  for (let seq = 2; seq <= FILLED; seq++) insert(filled, seq);
  let growing = new HotIndex();
  let seq = 0;
  add('hot index: insert a 4 KiB write', CALLS, 'record', () => {
    if (seq > ADDED_MAX) {
      growing = new HotIndex();
      seq = 0;
    }
    for (let i = 0; i < CALLS; i++) insert(growing, ++seq);
  });
  add('hot index: look up a block', CALLS, 'block', () => {
    let found = 0;
    for (let i = 0; i < CALLS; i++) found += filled.extentAt(VOLUME, FILLED, randomBlock());
    return found;
  });
  add('hot index: pieces of 1 MiB', CALLS, 'range', () => {
    for (let i = 0; i < CALLS; i++) {
      const start = randomBlock() & ~255;
      filled.pieces(VOLUME, FILLED, start, 256, { lookups: 65_536, piecesMax: 16_384 });
    }
  });
}
