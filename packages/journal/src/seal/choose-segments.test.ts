import { expect, it } from 'vitest';
import { type ClosedSegment, chooseSegments } from './choose-segments.js';
import { SEAL_LIMITS } from './limits.js';

const LIMITS = {
  ...SEAL_LIMITS,
  ...{ sealBytesMin: 100, sealRecordsMin: 50, sealSegmentsMin: 4, sealAgeUsMax: 1000 },
  ...{ sealBytesMax: 300, sealRecordsMax: 100 },
};
const NOW_US = 10_000;

/** Segments of so many bytes and records, the last of which arrived so long ago. */
const chain = (...shapes: (readonly [bytes: number, records: number, ageUs?: number])[]) => {
  let lsn = 1;
  return shapes.map(([payloadBytes, records, ageUs = 0], index): ClosedSegment => {
    const firstLsn = lsn;
    lsn += records;
    const lastArrivalUs = NOW_US - ageUs;
    return { segment: index + 1, firstLsn, lastLsn: lsn - 1, payloadBytes, lastArrivalUs };
  });
};

const chosen = (closed: readonly ClosedSegment[]): number[] =>
  chooseSegments(closed, NOW_US, LIMITS).map(({ segment }) => segment);

it('waits as long as little is closed', () => {
  expect(chosen([])).toEqual([]);
  expect(chosen(chain([30, 10], [30, 10]))).toEqual([]);
});

it('takes all when there are bytes, records or segments enough, or they are old', () => {
  expect(chosen(chain([60, 10], [60, 10]))).toEqual([1, 2]);
  expect(chosen(chain([1, 30], [1, 30]))).toEqual([1, 2]);
  expect(chosen(chain([1, 1], [1, 1], [1, 1], [1, 1]))).toEqual([1, 2, 3, 4]);
  expect(chosen(chain([1, 1, 1000], [1, 1, 10]))).toEqual([1, 2]);
});

it('takes no more than a layer may have, but always one', () => {
  expect(chosen(chain([200, 10], [200, 10]))).toEqual([1]);
  expect(chosen(chain([20, 80], [20, 80]))).toEqual([1]);
  expect(chosen(chain([5000, 10], [1, 1]))).toEqual([1]);
});

it('never makes a layer of empty segments alone', () => {
  expect(chosen(chain([0, 0, 9000], [0, 0, 9000]))).toEqual([]);
  expect(chosen(chain([0, 0, 9000], [50, 5, 9000]))).toEqual([1, 2]);
});
