import { describe, expect, it } from 'vitest';
import { encodeRequest } from '../client/raw.js';
import { gate, go, simpleReply, startServer } from '../testing/harness.js';
import { MemoryExport } from '../testing/memory-export.js';

const KIB = 1024;

/** Lets everything happen that does not wait for anybody. */
async function calm(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
}

describe('backpressure', () => {
  it('holds requests beyond the limit of a connection until others are answered', async () => {
    const slow = gate();
    const disk = new MemoryExport({ before: () => slow.opened });
    const { dial, server } = startServer({ disk }, { connectionRequestsMax: 4 });
    const { raw } = dial();
    await go(raw);
    for (let i = 0; i < 10; i++) raw.send(encodeRequest({ command: 3, cookie: BigInt(i) }));
    await calm();
    expect(disk.calls.length).toBe(4);
    expect(server.stats.requestsInFlightNow).toBe(4);
    slow.open();
    for (let i = 0; i < 10; i++) expect((await simpleReply(raw)).cookie).toBe(BigInt(i));
    await calm();
    expect(server.stats).toMatchObject({ requestsInFlightNow: 0, bytesInFlightNow: 0 });
  });

  it('bounds bytes, and lets one request in however large', async () => {
    const slow = gate();
    const disk = new MemoryExport({ before: () => slow.opened });
    const { dial } = startServer({ disk }, { connectionBytesMax: 10 * KIB });
    const { raw } = dial();
    await go(raw);
    for (let i = 0; i < 3; i++) {
      raw.send(encodeRequest({ command: 0, cookie: BigInt(i), length: 64 * KIB }));
    }
    await calm();
    expect(disk.calls.length).toBe(1);
    slow.open();
    for (let i = 0; i < 3; i++) await simpleReply(raw, 64 * KIB);
    expect(disk.calls.length).toBe(3);
  });

  it('stops executing for a client that does not read its replies', async () => {
    const disk = new MemoryExport();
    const { dial } = startServer({ disk }, { connectionBytesMax: 256 * KIB });
    const { raw } = dial();
    await go(raw);
    raw.release();
    for (let i = 0; i < 100; i++) {
      raw.send(encodeRequest({ command: 0, cookie: BigInt(i), length: 64 * KIB }));
    }
    await calm();
    const executed = disk.calls.length;
    expect(executed).toBeLessThan(20);
    let bytes = 0;
    raw.stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    raw.stream.resume();
    while (bytes < 100 * (64 * KIB + 16)) await new Promise(setImmediate);
    expect(disk.calls.length).toBe(100);
  });

  it('shares the budget of the server, and starves nobody', async () => {
    const slow = gate();
    const greedy = new MemoryExport({ before: () => slow.opened });
    const modest = new MemoryExport();
    const { dial } = startServer({ greedy, modest }, { serverRequestsMax: 3 });
    const first = dial().raw;
    await go(first, 'greedy');
    for (let i = 0; i < 8; i++) first.send(encodeRequest({ command: 3, cookie: BigInt(i) }));
    await calm();
    expect(greedy.calls.length).toBe(3);
    const second = dial().raw;
    await go(second, 'modest');
    for (let i = 0; i < 5; i++) second.send(encodeRequest({ command: 3, cookie: BigInt(i) }));
    for (let i = 0; i < 5; i++) expect((await simpleReply(second)).cookie).toBe(BigInt(i));
    slow.open();
    for (let i = 0; i < 8; i++) await simpleReply(first);
  });
});
