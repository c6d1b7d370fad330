import { Errno, encodeOption, encodeRequest, NbdClient, NbdRawClient } from '@retrace/nbd';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ExportKind, expectBadRequestsRefused } from '../lib/bad-requests.js';
import { describeWith, type Protection, protect } from '../lib/index.js';

const SIZE_BYTES = 1 << 20;

describe('bad requests', () => {
  let here: Protection;
  const exportsOf = (): Record<string, { uri: string; kind: ExportKind }> => ({
    view: { uri: here.server.exportUri('web-01/root@latest'), kind: 'read-only' },
    scratch: { uri: here.server.exportUri('scratch:web-01/root@latest'), kind: 'writable' },
    agent: { uri: here.agent.uri('root'), kind: 'writable' },
  });

  beforeAll(async () => {
    here = await protect({ disks: [{ name: 'root', sizeBytes: SIZE_BYTES }] });
  });

  describeWith(['nbdsh'], 'of nbdsh, strict mode off', () => {
    it.each(['view', 'scratch', 'agent'])('%s: refused by errno, and it lives on', async (name) => {
      const { uri, kind } = exportsOf()[name]!;
      await expectBadRequestsRefused(uri, kind);
    });
  });

  describe('below what libnbd can send', () => {
    it.each(['view', 'scratch', 'agent'])('%s: unknown commands and flags', async (name) => {
      const { uri } = exportsOf()[name]!;
      const raw = await openRaw(uri);
      for (const request of [
        { command: 77, cookie: 1n },
        { command: 0, cookie: 2n, flags: 0x8000, length: 512 },
        { command: 0, cookie: 3n, offset: 2n ** 63n, length: 512 },
        { command: 0, cookie: 4n, length: 0xffff_ffff },
        { command: 4, cookie: 5n, offset: 2n ** 64n - 1n, length: 2 },
      ]) {
        raw.send(encodeRequest(request));
        const reply = await raw.receive(16);
        expect(reply.readBigUInt64BE(8)).toBe(request.cookie);
        expect([Errno.EINVAL, Errno.EPERM, Errno.EOVERFLOW]).toContain(reply.readUInt32BE(4));
      }
      raw.send(encodeRequest({ command: 0, cookie: 9n, length: 512 }));
      expect((await raw.receive(16)).readUInt32BE(4)).toBe(0);
      raw.destroy();
    });

    it.each(['view', 'agent'])('%s: options', async (name) => {
      const { uri } = exportsOf()[name]!;
      const raw = await NbdRawClient.connect(uri);
      await raw.greet();
      raw.send(encodeOption(4242));
      expect((await raw.optionReply()).type).toBe(0x8000_0001);
      raw.send(encodeOption(3, Buffer.from('x')));
      expect((await raw.optionReply()).type).toBe(0x8000_0003);
      raw.send(encodeOption(7, Buffer.from([0xff, 0xff, 0xff, 0xff])));
      expect((await raw.optionReply()).type).toBe(0x8000_0003);
      raw.send(encodeOption(3));
      for (;;) {
        const { type } = await raw.optionReply();
        if (type === 1) break;
        expect(type).toBe(2);
      }
      raw.destroy();
    });
  });

  it('leave everything as it was', async () => {
    const client = await NbdClient.connect(exportsOf().view!.uri);
    expect((await client.read(0, 4096)).equals(Buffer.alloc(4096))).toBe(true);
    await client.close();
  });
});

/** A connection in transmission, simple replies, that is sent whatever the test likes. */
async function openRaw(uri: string): Promise<NbdRawClient> {
  const raw = await NbdRawClient.connect(uri);
  await raw.greet();
  const name = decodeURIComponent(/^[^:]+:\/\/[^/]*\/([^?]*)/.exec(uri)?.[1] ?? '');
  raw.send(encodeOption(1, Buffer.from(name)));
  await raw.receive(10);
  return raw;
}
