import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from './buffer-pool.js';

const KIB = 1024;

describe('BufferPool', () => {
  it('never lends what is lent, and keeps no more than it may', () => {
    const command = fc.oneof(
      fc.record({ take: fc.integer({ min: 1, max: 600 * KIB }) }),
      fc.record({ give: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const pool = new BufferPool(1024 * KIB);
        const held: { buffer: Buffer; mark: number }[] = [];
        commands.forEach((one, mark) => {
          if ('take' in one) {
            const buffer = pool.take(one.take);
            expect(buffer.length).toBe(one.take);
            buffer.fill(mark);
            held.push({ buffer, mark });
          } else if (held.length > 0) {
            const [{ buffer }] = held.splice(one.give % held.length, 1) as [(typeof held)[0]];
            pool.give(buffer);
            expect(pool.hasLent(buffer)).toBe(false);
          }
          expect(pool.idleBytes).toBeLessThanOrEqual(1024 * KIB);
        });
        for (const { buffer, mark } of held) {
          expect(buffer.every((byte) => byte === mark)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('lends the same memory again', () => {
    const pool = new BufferPool(1024 * KIB);
    const first = pool.take(128 * KIB);
    pool.give(first);
    expect(pool.take(100 * KIB).buffer).toBe(first.buffer);
  });

  it('leaves alone what is not its own, and what was given back already', () => {
    const pool = new BufferPool(1024 * KIB);
    pool.give(Buffer.alloc(128 * KIB));
    expect(pool.idleBytes).toBe(0);
    const buffer = pool.take(128 * KIB);
    pool.give(buffer);
    pool.give(buffer);
    expect(pool.idleBytes).toBe(128 * KIB);
    expect(pool.take(128 * KIB).buffer).not.toBe(pool.take(128 * KIB).buffer);
  });
});
