import fc from 'fast-check';
import { blockChecksums } from '../checksum/crc32c.js';
import type { ByteOffset, RecordNumber, TimeUs } from '../ids/brands.js';
import { RECORD_KIND } from '../record/kinds.js';
import { encodeMark } from '../record/mark.js';
import { type AgentRecord, NO_CHECKSUMS, NO_PAYLOAD } from '../record/record.js';

const BLOCK = 4096;

type Shape = Omit<AgentRecord, 'n' | 'timeUs'>;

const write: fc.Arbitrary<Shape> = fc
  .tuple(fc.nat(1000), fc.uint8Array({ minLength: 1, maxLength: 3 * BLOCK }))
  .map(([block, bytes]) => {
    const payload = Buffer.alloc(Math.ceil(bytes.length / BLOCK) * BLOCK);
    payload.set(bytes);
    return {
      kind: RECORD_KIND.write,
      flags: bytes.length % 4,
      volumeIndex: block % 3,
      offset: (block * BLOCK) as ByteOffset,
      length: payload.length,
      checksums: blockChecksums(payload, BLOCK),
      payload,
    };
  });

const range: fc.Arbitrary<Shape> = fc
  .tuple(fc.constantFrom(RECORD_KIND.zero, RECORD_KIND.trim), fc.nat(), fc.nat(2 ** 40))
  .map(([kind, block, blocks]) => ({
    kind,
    flags: 0,
    volumeIndex: 0,
    offset: (block * BLOCK) as ByteOffset,
    length: (blocks + 1) * BLOCK,
    checksums: NO_CHECKSUMS,
    payload: NO_PAYLOAD,
  }));

const mark: fc.Arbitrary<Shape> = fc.constantFrom('clean-stop', 'sync-begin').map((name) => {
  const payload = encodeMark({ mark: name as 'clean-stop' });
  return {
    kind: RECORD_KIND.mark,
    flags: 0,
    volumeIndex: 0xffff,
    offset: 0 as ByteOffset,
    length: payload.length,
    checksums: blockChecksums(payload, payload.length),
    payload,
  };
});

/** Records as an agent sends them: dense n, times that do not decrease. For tests. */
export const arbitraryRecords = (maxLength = 20): fc.Arbitrary<AgentRecord[]> =>
  fc
    .tuple(
      fc.array(fc.oneof(write, range, mark), { minLength: 1, maxLength }),
      fc.integer({ min: 1, max: 2 ** 48 }),
      fc.integer({ min: 0, max: 2 ** 51 }),
    )
    .map(([shapes, firstN, timeUs]) =>
      shapes.map((shape, i) => ({
        ...shape,
        n: (firstN + i) as RecordNumber,
        timeUs: (timeUs + i * 10) as TimeUs,
      })),
    );
