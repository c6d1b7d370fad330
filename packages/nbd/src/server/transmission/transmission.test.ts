import { describe, expect, it } from 'vitest';
import { encodeRequest } from '../../client/raw.js';
import { NbdError } from '../../errors.js';
import { ChunkType, Command, CommandFlag, Errno } from '../../protocol/constants.js';
import { ask, chunk, gate, go, simpleReply, startServer } from '../../testing/harness.js';
import { MemoryExport, type MemoryOptions } from '../../testing/memory-export.js';

const connected = async (options: MemoryOptions = {}, wanted = {}, limits = {}) => {
  const disk = new MemoryExport(options);
  const server = startServer({ disk }, limits);
  const { raw, served } = server.dial();
  await go(raw, 'disk', wanted);
  return { ...server, disk, raw, served };
};

const MIB = 1024 * 1024;

describe('requests', () => {
  it('write, then read back', async () => {
    const { raw } = await connected();
    const data = Buffer.from('payload!');
    const { errno } = await ask(raw, { command: 1, offset: 4090n, length: 8 }, data);
    expect(errno).toBe(0);
    expect((await ask(raw, { command: 0, offset: 4090n, length: 8 })).data).toEqual(data);
  });

  it('reach the export with their flags', async () => {
    const { raw, disk } = await connected();
    const { FUA, NO_HOLE, FAST_ZERO } = CommandFlag;
    const fields = { offset: 512n, length: 1024 };
    await ask(raw, { command: Command.WRITE, flags: FUA, ...fields }, Buffer.alloc(1024));
    await ask(raw, { command: Command.FLUSH });
    await ask(raw, { command: Command.TRIM, flags: FUA, ...fields });
    await ask(raw, { command: Command.CACHE, ...fields });
    await ask(raw, { command: Command.WRITE_ZEROES, flags: NO_HOLE | FAST_ZERO, ...fields });
    expect(disk.calls).toEqual([
      'write 512 1024 fua',
      'flush',
      'trim 512 1024 fua',
      'cache 512 1024',
      'writeZeroes 512 1024 noHole fastOnly',
    ]);
  });

  const { EINVAL, ENOSPC, EPERM } = Errno;
  const end = BigInt(MIB);
  it.each([
    ['an unknown command', { command: 99, length: 1 }, EINVAL],
    ['an unknown flag', { command: 0, flags: 0x80, length: 1 }, EINVAL],
    ['DF without structured replies', { command: 0, flags: CommandFlag.DF, length: 1 }, EINVAL],
    ['NO_HOLE with a trim', { command: 4, flags: CommandFlag.NO_HOLE, length: 1 }, EINVAL],
    ['REQ_ONE with a read', { command: 0, flags: CommandFlag.REQ_ONE, length: 1 }, EINVAL],
    ['block status that was not agreed', { command: 7, length: 1 }, EINVAL],
    ['a read of nothing', { command: 0, length: 0 }, EINVAL],
    ['a write of nothing', { command: 1, length: 0 }, EINVAL],
    ['a flush with a length', { command: 3, length: 1 }, EINVAL],
    ['a read past the end', { command: 0, offset: end - 1n, length: 2 }, EINVAL],
    ['a trim past the end', { command: 4, offset: end - 1n, length: 2 }, EINVAL],
    ['a cache past the end', { command: 5, offset: end, length: 1 }, EINVAL],
    ['a write past the end', { command: 1, offset: end - 1n, length: 2 }, ENOSPC],
    ['zeroes past the end', { command: 6, offset: end - 1n, length: 2 }, ENOSPC],
    ['an offset of 2^64 - 1', { command: 0, offset: 2n ** 64n - 1n, length: 1 }, EINVAL],
    ['an offset of 2^53 + 1', { command: 6, offset: 2n ** 53n + 1n, length: 1 }, ENOSPC],
    ['a read over 32 MiB', { command: 0, length: 32 * MIB + 1 }, EINVAL],
  ])('refuse %s, and the connection lives on', async (_what, request, errno) => {
    const { raw, disk } = await connected();
    const payload = Buffer.alloc(request.command === 1 ? request.length : 0);
    expect((await ask(raw, request, payload)).errno).toBe(errno);
    expect(disk.calls).toEqual([]);
    expect((await ask(raw, { command: 3 })).errno).toBe(0);
  });

  it.each([1, 4, 6])('refuse command %d on a read-only export with EPERM', async (command) => {
    const { raw } = await connected({ info: { readOnly: true } });
    const payload = Buffer.alloc(command === 1 ? 512 : 0);
    expect((await ask(raw, { command, length: 512 }, payload)).errno).toBe(EPERM);
    expect((await ask(raw, { command: 0, length: 512 })).errno).toBe(0);
  });

  it('refuse what is not aligned to the smallest block, but at the end', async () => {
    const { raw } = await connected({ sizeBytes: 10_000, info: { minBlockBytes: 4096 } });
    expect((await ask(raw, { command: 0, offset: 512n, length: 4096 })).errno).toBe(EINVAL);
    expect((await ask(raw, { command: 0, length: 512 })).errno).toBe(EINVAL);
    expect((await ask(raw, { command: 0, offset: 8192n, length: 1808 })).errno).toBe(0);
  });

  it('refuse commands the export does not support', async () => {
    const supports = { flush: false, fua: false, trim: false, writeZeroes: false, cache: false };
    const { raw } = await connected({ info: { supports } });
    for (const command of [3, 4, 5, 6]) {
      expect((await ask(raw, { command, length: command === 3 ? 0 : 1 })).errno).toBe(EINVAL);
    }
    const fua = { command: 1, flags: CommandFlag.FUA, length: 1 };
    expect((await ask(raw, fua, Buffer.alloc(1))).errno).toBe(EINVAL);
  });

  it('skip the payload of a write that is too long', async () => {
    const { raw } = await connected({ info: { maxPayloadBytes: 4096 } });
    const payload = Buffer.alloc(MIB, 1);
    expect((await ask(raw, { command: 1, length: MIB }, payload)).errno).toBe(EINVAL);
    expect((await ask(raw, { command: 0, length: 4096 })).data[0]).toBe(0);
  });

  it('carry 32 MiB both ways', async () => {
    const { raw } = await connected({ sizeBytes: 32 * MIB });
    const payload = Buffer.alloc(32 * MIB, 'retrace');
    expect((await ask(raw, { command: 1, length: 32 * MIB }, payload)).errno).toBe(0);
    const { data } = await ask(raw, { command: 0, length: 32 * MIB });
    expect(data.equals(payload)).toBe(true);
  });

  it('trim more than the largest payload', async () => {
    const { raw, disk } = await connected({ sizeBytes: 64 * MIB });
    expect((await ask(raw, { command: 4, length: 64 * MIB })).errno).toBe(0);
    expect(disk.calls).toEqual([`trim 0 ${64 * MIB}`]);
  });
});

describe('errors of the backend', () => {
  it('of the package keep their errno', async () => {
    const before = () => {
      throw new NbdError('OVERLAY_FULL', 'full', { errno: Errno.ENOSPC });
    };
    const { raw } = await connected({ before });
    expect((await ask(raw, { command: 0, length: 1 })).errno).toBe(Errno.ENOSPC);
  });

  it.each([
    [
      'thrown',
      () => {
        throw new TypeError('a defect');
      },
    ],
    ['rejected', () => Promise.reject(new TypeError('a defect'))],
  ])('that are defects become EIO and an event when %s', async (_how, before) => {
    const { raw, event } = await connected({ before });
    expect((await ask(raw, { command: 0, length: 1 })).errno).toBe(Errno.EIO);
    const { operation, error } = await event('backend-failed');
    expect(operation).toBe('read');
    expect(error).toBeInstanceOf(TypeError);
  });
});

describe('structured replies', () => {
  it('carry a read in one chunk, with or without DF', async () => {
    const { raw, disk } = await connected({}, { structured: true });
    disk.bytes.write('hello', 100);
    for (const flags of [0, CommandFlag.DF]) {
      raw.send(
        encodeRequest({ command: 0, flags, cookie: 2n ** 64n - 2n, offset: 100n, length: 5 }),
      );
      const reply = await chunk(raw);
      expect(reply).toMatchObject({
        flags: 1,
        type: ChunkType.OFFSET_DATA,
        cookie: 2n ** 64n - 2n,
      });
      expect(reply.data.readBigUInt64BE(0)).toBe(100n);
      expect(reply.data.toString('utf8', 8)).toBe('hello');
    }
  });

  it('carry the text of an error', async () => {
    const { raw } = await connected({}, { structured: true });
    raw.send(encodeRequest({ command: 0, cookie: 1n, offset: BigInt(MIB), length: 1 }));
    const { type, data } = await chunk(raw);
    expect(type).toBe(ChunkType.ERROR);
    expect(data.readUInt32BE(0)).toBe(Errno.EINVAL);
    expect(data.toString('utf8', 6)).toMatch(/^NBD_OUT_OF_RANGE: /);
  });

  it('tell extents, joined and cut to the range', async () => {
    const { raw, disk } = await connected({ sizeBytes: 65_536 }, { allocation: true });
    disk.bytes.fill(1, 8192, 16_384);
    raw.send(encodeRequest({ command: 7, cookie: 1n, offset: 0n, length: 20_000 }));
    const { type, data } = await chunk(raw);
    expect(type).toBe(ChunkType.BLOCK_STATUS);
    const numbers = Array.from({ length: data.length / 4 }, (_, at) => data.readUInt32BE(4 * at));
    expect(numbers).toEqual([1, 8192, 3, 8192, 0, 3616, 3]);
    raw.send(encodeRequest({ command: 7, flags: CommandFlag.REQ_ONE, cookie: 1n, length: 20_000 }));
    expect((await chunk(raw)).data.length).toBe(12);
  });

  it('answer a backend without extents with EIO and an event', async () => {
    const { raw, disk, event } = await connected({}, { allocation: true });
    disk.extents = () => [];
    raw.send(encodeRequest({ command: 7, cookie: 1n, length: 512 }));
    expect((await chunk(raw)).data.readUInt32BE(0)).toBe(Errno.EIO);
    expect((await event('backend-failed')).operation).toBe('blockStatus');
  });
});

describe('requests in flight', () => {
  it('are answered as they finish, in any order', async () => {
    const slow = gate();
    const before = (_: string, offset: number) => (offset === 0 ? slow.opened : undefined);
    const { raw } = await connected({ before });
    raw.send(
      encodeRequest({ command: 0, cookie: 1n, offset: 0n, length: 4 }),
      encodeRequest({ command: 0, cookie: 2n, offset: 4n, length: 4 }),
    );
    expect((await simpleReply(raw, 4)).cookie).toBe(2n);
    slow.open();
    expect((await simpleReply(raw, 4)).cookie).toBe(1n);
  });

  it('of a client that is gone finish before the export is closed', async () => {
    const slow = gate();
    const { raw, disk, served } = await connected({ before: () => slow.opened });
    raw.send(encodeRequest({ command: 3, cookie: 1n }));
    while (disk.calls.length === 0) await new Promise(setImmediate);
    raw.destroy();
    await new Promise(setImmediate);
    expect(disk.closes).toBe(0);
    slow.open();
    await served;
    expect(disk.closes).toBe(1);
  });

  it('are finished after DISC, also when the client sends nothing any more', async () => {
    const slow = gate();
    const { raw, served, events } = await connected({ before: () => slow.opened });
    raw.send(encodeRequest({ command: 3, cookie: 9n }), encodeRequest({ command: 2, cookie: 0n }));
    raw.stream.end();
    const reply = simpleReply(raw);
    slow.open();
    expect(await reply).toMatchObject({ errno: 0, cookie: 9n });
    await served;
    expect(events.at(-1)).not.toHaveProperty('error');
  });

  it('abort the connection signal when the peer goes', async () => {
    const slow = gate();
    const disk = new MemoryExport({ before: () => slow.opened });
    const { dial, provider } = startServer({ disk });
    const signals: AbortSignal[] = [];
    provider.open = (_name, connection) => {
      signals.push((connection as { closed: AbortSignal }).closed);
      return Promise.resolve(disk);
    };
    const { raw, served } = dial();
    await go(raw);
    raw.send(encodeRequest({ command: 3, cookie: 1n }));
    while (disk.calls.length === 0) await new Promise(setImmediate);
    expect(signals[0]?.aborted).toBe(false);
    const aborted = new Promise((resolve) => signals[0]?.addEventListener('abort', resolve));
    raw.destroy();
    await aborted;
    slow.open();
    await served;
  });
});
