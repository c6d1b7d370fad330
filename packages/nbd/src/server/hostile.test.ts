import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeOption, encodeRequest } from '../client/raw.js';
import type { NbdLimits } from '../limits.js';
import { Option } from '../protocol/constants.js';
import { ask, go, goData, startServer, type TestServer } from '../testing/harness.js';
import { MemoryExport } from '../testing/memory-export.js';

const MIB = 1024 * 1024;

const start = (limits: Partial<NbdLimits> = {}): TestServer =>
  startServer({ disk: new MemoryExport() }, limits);

/** Serves a bystander while something bad happens to another connection; gives its close code. */
async function codeOf(
  server: TestServer,
  act: (raw: ReturnType<TestServer['dial']>['raw']) => Promise<void>,
): Promise<string | undefined> {
  const bystander = server.dial();
  await go(bystander.raw);
  const { raw, served } = server.dial();
  await act(raw);
  await served;
  const closed = await server.event('connection-closed');
  expect((await ask(bystander.raw, { command: 0, length: 512 })).errno).toBe(0);
  bystander.raw.destroy();
  await bystander.served;
  expect(server.server.stats).toMatchObject({
    connectionsNow: 0,
    requestsInFlightNow: 0,
    bytesInFlightNow: 0,
  });
  return closed.error?.code;
}

describe('a hostile client is closed by name', () => {
  it('for unknown handshake flags', async () => {
    const act = async (raw: ReturnType<TestServer['dial']>['raw']) => {
      await raw.greet(0xff);
    };
    expect(await codeOf(start(), act)).toBe('NBD_BAD_CLIENT_FLAGS');
  });

  it('for a wrong option magic', async () => {
    const code = await codeOf(start(), async (raw) => {
      await raw.greet();
      raw.send(Buffer.alloc(16, 'GET / HTTP/1.1'));
    });
    expect(code).toBe('NBD_BAD_MAGIC');
  });

  it('for an option that is too long', async () => {
    const code = await codeOf(start(), async (raw) => {
      await raw.greet();
      const header = encodeOption(Option.GO);
      header.writeUInt32BE(0xffffffff, 12);
      raw.send(header);
    });
    expect(code).toBe('NBD_OPTION_TOO_LARGE');
  });

  it('for too many options', async () => {
    const code = await codeOf(start({ optionsMax: 5 }), async (raw) => {
      await raw.greet();
      for (let i = 0; i < 5; i++) raw.send(encodeOption(Option.INFO, goData('nope')));
    });
    expect(code).toBe('NBD_TOO_MANY_OPTIONS');
  });

  it('for silence in the handshake', async () => {
    const code = await codeOf(start({ handshakeTimeoutMs: 50 }), async (raw) => {
      await raw.greet();
    });
    expect(code).toBe('NBD_HANDSHAKE_TIMEOUT');
  });

  it('for a wrong request magic', async () => {
    const code = await codeOf(start(), async (raw) => {
      await go(raw);
      raw.send(Buffer.alloc(28, 1));
    });
    expect(code).toBe('NBD_BAD_MAGIC');
  });

  it.each([
    ['a header', encodeRequest({ command: 0, cookie: 1n, length: 1 }).subarray(0, 20)],
    ['a payload', Buffer.concat([encodeRequest({ command: 1, cookie: 1n, length: MIB })])],
    [
      'a payload begun',
      Buffer.concat([encodeRequest({ command: 1, cookie: 1n, length: 512 }), Buffer.alloc(500)]),
    ],
  ])('for half %s and then silence', async (_what, bytes) => {
    const code = await codeOf(start({ frameTimeoutMs: 50 }), async (raw) => {
      await go(raw);
      raw.send(bytes);
    });
    expect(code).toBe('NBD_FRAME_TIMEOUT');
  });

  it('for a write longer than may be skipped', async () => {
    const code = await codeOf(start(), async (raw) => {
      await go(raw);
      raw.send(encodeRequest({ command: 1, cookie: 1n, length: 0xffffffff }));
    });
    expect(code).toBe('NBD_PAYLOAD_TOO_LARGE');
  });

  it('for not reading replies', async () => {
    const code = await codeOf(start({ replyTimeoutMs: 50, frameTimeoutMs: 200 }), async (raw) => {
      await go(raw);
      raw.stream.pause();
      const read = encodeRequest({ command: 0, cookie: 1n, length: MIB });
      raw.send(...Array.from({ length: 200 }, () => read));
    });
    expect(code).toBe('NBD_REPLY_TIMEOUT');
  });

  it('or for whatever random bytes amount to', { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom('greeting', 'options', 'requests'),
        async (noise, phase) => {
          await codeOf(start(), async (raw) => {
            if (phase === 'options') await raw.greet();
            if (phase === 'requests') await go(raw);
            raw.send(Buffer.from(noise));
            raw.stream.end();
          });
        },
      ),
      { numRuns: 150 },
    ),
  );
});

describe('limits of connections', () => {
  it('turn away one too many', async () => {
    const server = start({ connectionsMax: 1 });
    const first = server.dial();
    await go(first.raw);
    const second = server.dial();
    await second.served;
    expect((await server.event('connection-refused')).error.code).toBe('NBD_TOO_MANY_CONNECTIONS');
    expect((await ask(first.raw, { command: 3 })).errno).toBe(0);
    first.raw.destroy();
    await first.served;
    await go(server.dial().raw);
  });

  it('count handshakes apart', async () => {
    const server = start({ handshakesMax: 1 });
    const first = server.dial();
    await go(first.raw);
    await ask(first.raw, { command: 3 });
    const second = server.dial();
    await second.raw.greet();
    await server.dial().served;
    expect((await server.event('connection-refused')).error.code).toBe('NBD_TOO_MANY_HANDSHAKES');
    second.raw.destroy();
  });
});
