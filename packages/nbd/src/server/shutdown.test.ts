import { describe, expect, it } from 'vitest';
import { encodeOption, encodeRequest } from '../client/raw.js';
import { Errno, ErrorReply, Option } from '../protocol/constants.js';
import { gate, go, goData, simpleReply, startServer } from '../testing/harness.js';
import { MemoryExport } from '../testing/memory-export.js';

describe('close', () => {
  it('finishes what is in flight and answers the rest with ESHUTDOWN', async () => {
    const slow = gate();
    const disk = new MemoryExport({ before: () => slow.opened });
    const { dial, server } = startServer({ disk });
    const { raw } = dial();
    await go(raw);
    raw.send(encodeRequest({ command: 3, cookie: 1n }));
    while (disk.calls.length === 0) await new Promise(setImmediate);
    const closed = server.close();
    raw.send(encodeRequest({ command: 3, cookie: 2n }));
    expect(await simpleReply(raw)).toMatchObject({ cookie: 2n, errno: Errno.ESHUTDOWN });
    slow.open();
    expect(await simpleReply(raw)).toMatchObject({ cookie: 1n, errno: 0 });
    await expect(raw.receive(1)).rejects.toMatchObject({ code: 'NBD_DISCONNECTED' });
    raw.stream.end();
    await closed;
    expect(disk.calls).toEqual(['flush']);
    expect(disk.closes).toBe(1);
  });

  it('answers requests that wait for room too', async () => {
    const slow = gate();
    const disk = new MemoryExport({ before: () => slow.opened });
    const { dial, server } = startServer({ disk }, { connectionRequestsMax: 1 });
    const { raw } = dial();
    await go(raw);
    for (let i = 1; i <= 3; i++) raw.send(encodeRequest({ command: 3, cookie: BigInt(i) }));
    while (disk.calls.length === 0) await new Promise(setImmediate);
    const closed = server.close();
    slow.open();
    const errnos: number[] = [];
    for (let i = 1; i <= 3; i++) errnos.push((await simpleReply(raw)).errno);
    expect(errnos).toEqual([0, Errno.ESHUTDOWN, Errno.ESHUTDOWN]);
    raw.stream.end();
    await closed;
  });

  it('ends idle connections and handshakes at once', async () => {
    const { dial, server, events } = startServer({ disk: new MemoryExport() });
    const idle = dial();
    await go(idle.raw);
    const early = dial();
    await early.raw.greet();
    idle.raw.stream.on('end', () => idle.raw.stream.end());
    await server.close();
    expect(server.stats.connectionsNow).toBe(0);
    const closes = events.filter(({ kind }) => kind === 'connection-closed');
    expect(closes.length).toBe(2);
  });

  it('refuses an export that was being opened, and closes it', async () => {
    const slow = gate();
    const disk = new MemoryExport();
    const { dial, server, provider } = startServer({ disk });
    let asked = false;
    provider.open = async () => {
      asked = true;
      await slow.opened;
      return disk;
    };
    const { raw } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.GO, goData('disk')));
    while (!asked) await new Promise(setImmediate);
    const closed = server.close();
    slow.open();
    expect((await raw.optionReply()).type).toBe(ErrorReply.SHUTDOWN);
    await closed;
    expect(disk.closes).toBe(1);
  });

  it('does not wait longer than its limit for a backend', async () => {
    const disk = new MemoryExport({ before: () => new Promise(() => undefined) });
    const { dial, server } = startServer({ disk });
    const { raw } = dial();
    await go(raw);
    raw.send(encodeRequest({ command: 3, cookie: 1n }));
    while (disk.calls.length === 0) await new Promise(setImmediate);
    await server.close({ timeoutMs: 50 });
    await expect(raw.receive(1)).rejects.toMatchObject({ code: 'NBD_DISCONNECTED' });
    expect(disk.closes).toBe(0);
  });

  it('turns new connections away', async () => {
    const { dial, server, event } = startServer({ disk: new MemoryExport() });
    await server.close();
    await dial().served;
    expect((await event('connection-refused')).error.code).toBe('NBD_SHUTDOWN');
  });
});
