import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeRequest } from '../../client/raw.js';
import { CommandFlag } from '../../protocol/constants.js';
import { go, startServer } from '../../testing/harness.js';
import { MemoryExport } from '../../testing/memory-export.js';

const SIZE = 4096;

const request = fc
  .record({
    command: fc.constantFrom(0, 1, 1, 3, 4, 5, 6, 7, 42),
    flags: fc.constantFrom(0, 0, 0, CommandFlag.FUA, CommandFlag.DF, CommandFlag.REQ_ONE, 0x40),
    offset: fc.integer({ min: 0, max: SIZE }),
    length: fc.integer({ min: 0, max: 1200 }),
  })
  .map(({ command, flags, offset, length }, ...rest) => ({ command, flags, offset, length, rest }));

async function repliesTo(pieces: readonly Buffer[], allocation: boolean): Promise<Buffer> {
  const { dial } = startServer({ disk: new MemoryExport({ sizeBytes: SIZE }) });
  const { raw, served } = dial();
  await go(raw, 'disk', { allocation });
  const received: Buffer[] = [...raw.release()];
  raw.stream.on('data', (chunk: Buffer) => received.push(chunk));
  for (const piece of pieces) raw.stream.write(piece);
  raw.stream.write(encodeRequest({ command: 2, cookie: 0n }));
  raw.stream.resume();
  await new Promise((resolve) => raw.stream.once('end', resolve));
  raw.stream.end();
  await served;
  return Buffer.concat(received);
}

it('any stream of requests gets the same replies wherever it is cut', { timeout: 120_000 }, () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 40 }),
      fc.boolean(),
      async (requests, cuts, allocation) => {
        const stream = Buffer.concat(
          requests.flatMap(({ command, flags, offset, length }, index) => {
            const fields = { command, flags, offset: BigInt(offset), length };
            const header = encodeRequest({ ...fields, cookie: BigInt(index) });
            return command === 1 ? [header, Buffer.alloc(length, index + 1)] : [header];
          }),
        );
        const pieces: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(stream.subarray(at, at + cut));
          at = Math.min(at + cut, stream.length);
        }
        pieces.push(stream.subarray(at));
        const whole = await repliesTo([stream], allocation);
        expect(await repliesTo(pieces, allocation)).toEqual(whole);
      },
    ),
    { numRuns: 60 },
  ),
);
