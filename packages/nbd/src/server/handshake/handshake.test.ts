import { describe, expect, it } from 'vitest';
import { encodeOption } from '../../client/raw.js';
import { NbdError } from '../../errors.js';
import { ErrorReply, InfoType, Option, OptionReply } from '../../protocol/constants.js';
import { ask, finish, go, goData, metaData, startServer } from '../../testing/harness.js';
import { MemoryExport } from '../../testing/memory-export.js';

const start = (limits = {}) => startServer({ disk: new MemoryExport() }, limits);

describe('the handshake', () => {
  it('offers fixed newstyle and NO_ZEROES', async () => {
    const { raw } = start().dial();
    expect(await raw.greet()).toBe(3);
  });

  it('answers an unknown option with UNSUP and goes on', async () => {
    const { raw } = start().dial();
    await raw.greet();
    for (const option of [11, 99, Option.STARTTLS]) {
      raw.send(encodeOption(option, Buffer.from('any')));
      const reply = await raw.optionReply();
      expect(reply.type).toBe(ErrorReply.UNSUP);
      expect(reply.option).toBe(option);
      expect(reply.data.toString()).toMatch(/^NBD_UNSUPPORTED: /);
    }
    raw.send(encodeOption(Option.LIST));
    expect((await raw.optionReply()).type).toBe(OptionReply.SERVER);
  });

  it('lists exports, and refuses LIST with data', async () => {
    const { raw } = start().dial();
    await raw.greet();
    raw.send(encodeOption(Option.LIST, Buffer.from('x')));
    expect((await raw.optionReply()).type).toBe(ErrorReply.INVALID);
    raw.send(encodeOption(Option.LIST));
    const reply = await raw.optionReply();
    expect(reply.data.toString('utf8', 4)).toBe('disk');
    expect((await raw.optionReply()).type).toBe(OptionReply.ACK);
  });

  it('acknowledges ABORT and closes', async () => {
    const { dial } = start();
    const { raw, served } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.ABORT));
    expect((await raw.optionReply()).type).toBe(OptionReply.ACK);
    raw.stream.end();
    await served;
  });

  it('tells size, flags, name, description and block sizes', async () => {
    const info = { name: 'canonical', description: 'a disk', minBlockBytes: 512 };
    const { dial } = startServer({ disk: new MemoryExport({ info }) });
    const { raw } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.INFO, goData('disk', InfoType.NAME, InfoType.DESCRIPTION)));
    const found = new Map<number, Buffer>();
    for (let i = 0; i < 4; i++) {
      const { data } = await raw.optionReply();
      found.set(data.readUInt16BE(0), data);
    }
    expect(found.get(InfoType.EXPORT)?.readBigUInt64BE(2)).toBe(1048576n);
    expect(found.get(InfoType.NAME)?.toString('utf8', 2)).toBe('canonical');
    expect(found.get(InfoType.DESCRIPTION)?.toString('utf8', 2)).toBe('a disk');
    const sizes = found.get(InfoType.BLOCK_SIZE);
    expect([2, 6, 10].map((at) => sizes?.readUInt32BE(at))).toEqual([512, 4096, 33554432]);
    expect((await raw.optionReply()).type).toBe(OptionReply.ACK);
  });

  it('closes what INFO opened, and opens again for GO', async () => {
    const disk = new MemoryExport();
    const { dial, provider } = startServer({ disk });
    const { raw, served } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.INFO, goData('disk')));
    await finish(raw);
    expect(disk.closes).toBe(1);
    raw.send(encodeOption(Option.GO, goData('disk')));
    await finish(raw);
    expect(provider.opens).toEqual(['info disk', 'go disk']);
    raw.destroy();
    await served;
    expect(disk.closes).toBe(2);
  });

  it('tells which export was opened, for use only, by both of its names', async () => {
    const disk = new MemoryExport({ info: { name: 'canonical' } });
    const { dial, event, events } = startServer({ disk });
    const { raw } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.INFO, goData('disk')));
    await finish(raw);
    expect(events.filter(({ kind }) => kind === 'export-opened')).toEqual([]);
    raw.send(encodeOption(Option.GO, goData('disk')));
    await finish(raw);
    const { connection } = await event('connection-opened');
    expect(await event('export-opened')).toEqual({
      kind: 'export-opened',
      connection,
      remote: 'memory',
      exportName: 'disk',
      canonicalName: 'canonical',
    });
  });

  it('offers DF only with structured replies', async () => {
    const flagsOf = async (structured: boolean): Promise<number> => {
      const { raw } = start().dial();
      await raw.greet();
      if (structured) {
        raw.send(encodeOption(Option.STRUCTURED_REPLY));
        await finish(raw);
      }
      raw.send(encodeOption(Option.INFO, goData('disk')));
      return (await raw.optionReply()).data.readUInt16BE(10);
    };
    expect((await flagsOf(false)) & 0x80).toBe(0);
    expect((await flagsOf(true)) & 0x80).toBe(0x80);
  });

  it('refuses an export in the words of the provider', async () => {
    const { raw } = start().dial();
    await raw.greet();
    raw.send(encodeOption(Option.GO, goData('nope')));
    const reply = await raw.optionReply();
    expect(reply.type).toBe(ErrorReply.UNKNOWN);
    expect(reply.data.toString()).toBe("NBD_UNKNOWN_EXPORT: there is no 'nope'");
  });

  it('passes a code and option reply of the provider on', async () => {
    const { dial, provider } = start();
    provider.open = () =>
      Promise.reject(
        new NbdError('INSTANT_NOT_YET_COMPLETE', 'wait', { optionReply: ErrorReply.POLICY }),
      );
    const { raw } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.GO, goData('disk')));
    const reply = await raw.optionReply();
    expect(reply.type).toBe(ErrorReply.POLICY);
    expect(reply.data.toString()).toBe('INSTANT_NOT_YET_COMPLETE: wait');
  });

  it('hides an unforeseen error from the client and reports it', async () => {
    const { dial, provider, event } = start();
    provider.open = () => Promise.reject(new TypeError('secret'));
    const { raw } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.GO, goData('disk')));
    expect((await raw.optionReply()).data.toString()).toBe('NBD_INTERNAL: internal error');
    expect((await event('backend-failed')).error).toBeInstanceOf(TypeError);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a name longer than the option', Buffer.from([0, 0, 0, 9, 65])],
    ['too few infos', goData('disk', 1).subarray(0, -1)],
    ['too much', Buffer.concat([goData('disk'), Buffer.from([0])])],
    ['a NUL in the name', goData('di\0sk')],
    ['a long name', goData('x'.repeat(4097))],
    ['not UTF-8', Buffer.concat([Buffer.from([0, 0, 0, 1, 0xff]), Buffer.from([0, 0])])],
  ])('refuses GO with %s as INVALID and goes on', async (_what, data) => {
    const { raw } = start().dial();
    await raw.greet();
    raw.send(encodeOption(Option.GO, data));
    expect((await raw.optionReply()).type).toBe(ErrorReply.INVALID);
    raw.send(encodeOption(Option.GO, goData('disk')));
    await finish(raw);
  });

  it.each([
    [true, 10],
    [false, 134],
  ])('answers EXPORT_NAME (NO_ZEROES %s) with %d bytes', async (noZeroes, bytes) => {
    const { raw } = start().dial();
    await raw.greet(noZeroes ? 3 : 1);
    raw.send(encodeOption(Option.EXPORT_NAME, Buffer.from('disk')));
    const reply = await raw.receive(bytes);
    expect(reply.readBigUInt64BE(0)).toBe(1048576n);
    expect(reply.subarray(10).every((byte) => byte === 0)).toBe(true);
    expect((await ask(raw, { command: 0, length: 4 })).data.length).toBe(4);
  });

  it('closes when EXPORT_NAME cannot be had', async () => {
    const { dial, event } = start();
    const { raw, served } = dial();
    await raw.greet();
    raw.send(encodeOption(Option.EXPORT_NAME, Buffer.from('nope')));
    await expect(raw.receive(1)).rejects.toMatchObject({ code: 'NBD_DISCONNECTED' });
    await served;
    expect((await event('connection-closed')).error?.code).toBe('NBD_UNKNOWN_EXPORT');
  });

  it('refuses an export with impossible numbers', async () => {
    const disk = new MemoryExport({ info: { minBlockBytes: 3 } });
    const { raw } = startServer({ disk }).dial();
    await raw.greet();
    raw.send(encodeOption(Option.GO, goData('disk')));
    expect((await raw.optionReply()).data.toString()).toMatch(/^NBD_BAD_EXPORT: .*block is 3/);
    expect(disk.closes).toBe(1);
  });
});

describe('metadata contexts', () => {
  it('need structured replies', async () => {
    const { raw } = start().dial();
    await raw.greet();
    raw.send(encodeOption(Option.SET_META_CONTEXT, metaData('disk', 'base:allocation')));
    expect((await raw.optionReply()).type).toBe(ErrorReply.INVALID);
  });

  it.each([
    [Option.LIST_META_CONTEXT, [], true],
    [Option.LIST_META_CONTEXT, ['base:'], true],
    [Option.LIST_META_CONTEXT, ['other:x'], false],
    [Option.SET_META_CONTEXT, [], false],
    [Option.SET_META_CONTEXT, ['base:'], false],
    [Option.SET_META_CONTEXT, ['x:y', 'base:allocation'], true],
  ] as const)('option %d with %j: %s', async (option, queries, offered) => {
    const { raw } = start().dial();
    await raw.greet();
    raw.send(encodeOption(Option.STRUCTURED_REPLY));
    await finish(raw);
    raw.send(encodeOption(option, metaData('disk', ...queries)));
    const reply = await raw.optionReply();
    expect(reply.type).toBe(offered ? OptionReply.META_CONTEXT : OptionReply.ACK);
    if (offered) expect(reply.data.toString('utf8', 4)).toBe('base:allocation');
  });

  it('chosen for another export are void', async () => {
    const exports = { disk: new MemoryExport(), other: new MemoryExport() };
    const { raw } = startServer(exports).dial();
    await raw.greet();
    raw.send(encodeOption(Option.STRUCTURED_REPLY));
    await finish(raw);
    raw.send(encodeOption(Option.SET_META_CONTEXT, metaData('other', 'base:allocation')));
    await finish(raw);
    raw.send(encodeOption(Option.GO, goData('disk')));
    await finish(raw);
    raw.send(Buffer.from('25609513000000070000000000000001000000000000000000001000', 'hex'));
    expect((await raw.receive(26)).readUInt32BE(20)).toBe(22);
  });

  it('are chosen anew by each SET', async () => {
    const { raw } = start().dial();
    await go(raw, 'disk', { allocation: true });
    raw.send(Buffer.from('25609513000000070000000000000001000000000000000000001000', 'hex'));
    expect((await raw.receive(20)).readUInt16BE(6)).toBe(5);
  });
});
