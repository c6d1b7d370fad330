import { duplexPair } from 'node:stream';
import { encodeOption, encodeRequest, NbdRawClient, type RawRequest } from '../client/raw.js';
import type { NbdExport } from '../export/export.js';
import type { NbdLimits } from '../limits.js';
import { Option, OptionReply } from '../protocol/constants.js';
import type { NbdServerEvent } from '../server/events.js';
import { NbdServer } from '../server/server.js';
import { MemoryProvider } from './memory-export.js';

/** A server without an address, and all its events. */
export interface TestServer {
  readonly server: NbdServer;
  readonly provider: MemoryProvider;
  readonly events: NbdServerEvent[];
  /** Connects a raw client through memory. `served` resolves when the connection is over. */
  dial(): { readonly raw: NbdRawClient; readonly served: Promise<void> };
  /** Resolves with the first event of the kind, past or future. */
  event<Kind extends NbdServerEvent['kind']>(
    kind: Kind,
  ): Promise<Extract<NbdServerEvent, { kind: Kind }>>;
}

export function startServer(
  exports: Readonly<Record<string, NbdExport>>,
  limits: Partial<NbdLimits> = {},
): TestServer {
  const events: NbdServerEvent[] = [];
  const waiting = new Set<() => void>();
  const provider = new MemoryProvider(exports);
  const server = NbdServer.create({
    provider,
    limits,
    onEvent: (event) => {
      events.push(event);
      for (const wake of [...waiting]) wake();
    },
  });
  const event: TestServer['event'] = (kind) =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = events.find((one) => one.kind === kind);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found as never);
      };
      waiting.add(look);
      look();
    });
  const dial: TestServer['dial'] = () => {
    const [ours, theirs] = duplexPair();
    // A pair does not pass a destroy on by itself, as sockets do.
    ours.once('close', () => theirs.destroy());
    theirs.once('close', () => {
      if (!theirs.writableEnded) ours.push(null);
    });
    const served = server.serve(theirs, 'memory');
    return { raw: new NbdRawClient(ours), served };
  };
  return { server, provider, events, dial, event };
}

/** The data of GO or INFO. */
export function goData(name: string, ...infos: readonly number[]): Buffer {
  const bytes = Buffer.from(name);
  const data = Buffer.alloc(4 + bytes.length + 2 + 2 * infos.length);
  data.writeUInt32BE(bytes.length, 0);
  bytes.copy(data, 4);
  data.writeUInt16BE(infos.length, 4 + bytes.length);
  infos.forEach((info, at) => {
    data.writeUInt16BE(info, 6 + bytes.length + 2 * at);
  });
  return data;
}

/** The data of LIST_META_CONTEXT or SET_META_CONTEXT. */
export function metaData(name: string, ...queries: readonly string[]): Buffer {
  const pieces = [counted(name), uint32(queries.length), ...queries.map(counted)];
  return Buffer.concat(pieces);
}

/** Everything up to the transmission phase of export `name`. */
export async function go(
  raw: NbdRawClient,
  name = 'disk',
  wanted: { readonly structured?: boolean; readonly allocation?: boolean } = {},
): Promise<void> {
  await raw.greet();
  if (wanted.structured === true || wanted.allocation === true) {
    raw.send(encodeOption(Option.STRUCTURED_REPLY));
    await finish(raw);
  }
  if (wanted.allocation === true) {
    raw.send(encodeOption(Option.SET_META_CONTEXT, metaData(name, 'base:allocation')));
    await finish(raw);
  }
  raw.send(encodeOption(Option.GO, goData(name)));
  await finish(raw);
}

/** Takes the replies of an option up to ACK; throws for an error. */
export async function finish(raw: NbdRawClient): Promise<void> {
  for (;;) {
    const reply = await raw.optionReply();
    if (reply.type === OptionReply.ACK) return;
    if (reply.type > 2 ** 31) throw new Error(reply.data.toString());
  }
}

/** A simple reply to a request. */
export async function simpleReply(
  raw: NbdRawClient,
  dataBytes = 0,
): Promise<{ readonly errno: number; readonly cookie: bigint; readonly data: Buffer }> {
  const header = await raw.receive(16);
  if (header.readUInt32BE(0) !== 0x67446698) throw new Error('not a simple reply');
  const errno = header.readUInt32BE(4);
  const data = errno === 0 ? await raw.receive(dataBytes) : Buffer.alloc(0);
  return { errno, cookie: header.readBigUInt64BE(8), data };
}

/** A chunk of a structured reply. */
export async function chunk(raw: NbdRawClient): Promise<{
  readonly flags: number;
  readonly type: number;
  readonly cookie: bigint;
  readonly data: Buffer;
}> {
  const header = await raw.receive(20);
  if (header.readUInt32BE(0) !== 0x668e33ef) throw new Error('not a structured reply');
  return {
    flags: header.readUInt16BE(4),
    type: header.readUInt16BE(6),
    cookie: header.readBigUInt64BE(8),
    data: await raw.receive(header.readUInt32BE(16)),
  };
}

/** Sends one request and takes its simple reply. */
export function ask(
  raw: NbdRawClient,
  request: Omit<RawRequest, 'cookie'>,
  payload: Buffer = Buffer.alloc(0),
): Promise<{ readonly errno: number; readonly data: Buffer }> {
  raw.send(Buffer.concat([encodeRequest({ ...request, cookie: 7n }), payload]));
  return simpleReply(raw, request.command === 0 ? (request.length ?? 0) : 0);
}

/** A promise that is resolved from outside. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
