import fc from 'fast-check';
import { expect } from 'vitest';
import type { View } from '../view/view.js';
import type { JournalModel, Step } from './journal-model.js';

export const BLOCKS = 24;
/** The second volume ends in the middle of a block. */
export const SIZES = [BLOCKS * 4096, 9 * 4096 + 1234];

const place = { volume: fc.nat(1), block: fc.nat(BLOCKS), blocks: fc.integer({ min: 1, max: 6 }) };

/** A step of a random history over volumes of SIZES. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ what: fc.constant('write' as const), fill: fc.nat(255), ...place }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constantFrom('zero' as const, 'trim' as const), ...place }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('flush' as const), volume: fc.nat(1) }) },
);

export const readAll = async (view: View): Promise<Buffer> => {
  const bytes = Buffer.alloc(view.sizeBytes, 0xee);
  await view.read(0, bytes);
  return bytes;
};

/** Every volume at `seq`, by the index and by replay, whole and in an odd piece, is the truth. */
export const checkInstant = async (model: JournalModel, seq: number): Promise<void> => {
  for (const [i, volumeId] of model.volumeIds.entries()) {
    const truth = model.truth[seq]![i]!;
    const view = model.journal.view(volumeId, seq);
    const replayed = await model.journal.replayView(volumeId, seq);
    expect(view.sizeBytes).toBe(truth.length);
    expect((await readAll(view)).equals(truth), `index view of v${i}@seq:${seq}`).toBe(true);
    expect((await readAll(replayed)).equals(truth), `replay of v${i}@seq:${seq}`).toBe(true);
    const odd = Buffer.alloc(5001);
    await view.read(777, odd);
    expect(odd.equals(truth.subarray(777, 777 + odd.length))).toBe(true);
    let at = 0;
    for (const extent of await view.extents(0, truth.length)) {
      const bytes = truth.subarray(at, at + extent.length);
      if (extent.zero) expect(bytes.every((byte) => byte === 0)).toBe(true);
      at += extent.length;
    }
    expect(at).toBe(truth.length);
    view.close();
    replayed.close();
  }
};
