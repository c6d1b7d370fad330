import { type AgentRecord, RECORD_KIND, type TimeUs } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../test/lib/seeded-random.js';
import { type QueuedRecord, RecordQueue } from './record-queue.js';
import { RetainedBytes } from './retained-bytes.js';

const record = (n: number, bytes = 100): QueuedRecord => ({
  kind: RECORD_KIND.write,
  flags: 0,
  volumeIndex: 0,
  n: n as AgentRecord['n'],
  timeUs: (n * 10) as TimeUs,
  offset: 0 as AgentRecord['offset'],
  length: bytes,
  checksums: new Uint32Array(1),
  payload: Buffer.alloc(bytes),
  heldBytes: bytes,
});

describe('the record queue', () => {
  it('agrees with a plain list over random pushes, sends, acks and reconnects', () => {
    const random = seededRandom();
    const queue = new RecordQueue();
    let list: QueuedRecord[] = [];
    let sent = 0;
    let n = 0;
    for (let step = 0; step < 6000; step++) {
      const what = random.integer(0, 9);
      if (what < 6) {
        n += 1;
        const one = record(n, random.integer(1, 200));
        queue.push(one);
        list.push(one);
      } else if (what < 8) {
        const taken = queue.takeUnsent(random.integer(1, 2000), random.integer(1, 12));
        expect(taken).toEqual(list.slice(sent, sent + taken.length));
        if (sent < list.length) expect(taken.length).toBeGreaterThan(0);
        sent += taken.length;
      } else if (what === 8) {
        const to = (list[0]?.n ?? n) + random.integer(-2, 8);
        const dropped = list.filter((one) => one.n <= to).length;
        expect(queue.dropThrough(to)).toBe(dropped);
        list = list.slice(dropped);
        sent = Math.max(0, sent - dropped);
      } else if (random.chance(0.05)) {
        queue.rewind();
        sent = 0;
      }
      expect(queue.length).toBe(list.length);
      expect(queue.oldest?.n).toBe(list[0]?.n);
      expect(queue.firstUnsent?.n).toBe(list[sent]?.n);
      if (step % 100 === 0) {
        const bytes = (records: QueuedRecord[]): number =>
          records.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
        expect(queue.bytes).toBe(bytes(list));
        expect(queue.unsentBytes).toBe(bytes(list.slice(sent)));
      }
    }
  });

  it('raises times that are too early, and no others', () => {
    const queue = new RecordQueue();
    for (let n = 1; n <= 4; n++) queue.push(record(n));
    queue.raiseTimes(25 as TimeUs);
    expect(queue.takeUnsent(1e6, 10).map(({ timeUs }) => timeUs)).toEqual([25, 25, 30, 40]);
  });
});

describe('retained memory', () => {
  it('counts a chunk once, with the first slice that is kept', () => {
    const retained = new RetainedBytes();
    const chunk = Buffer.alloc(65_536);
    expect(retained.of(chunk.subarray(28, 4124))).toBe(65_536);
    expect(retained.of(chunk.subarray(4152, 8248))).toBe(0);
    expect(retained.of(Buffer.alloc(131_072))).toBe(131_072);
  });
});
