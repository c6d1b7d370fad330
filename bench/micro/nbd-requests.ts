import type { Duplex } from 'node:stream';
import { encodeOption, encodeRequest, type NbdExport, NbdRawClient, NbdServer } from '@retrace/nbd';
import { duplexPair } from './duplex-pair.js';
import type { AddTask } from './task.js';

const REQUESTS = 64;
const BLOCK_BYTES = 4096;
const SIZE_BYTES = 2 ** 30;
/** Protocol numbers: option GO, its reply ACK, commands READ and WRITE, a simple reply's size. */
const GO = 7;
const ACK = 1;
const READ = 0;
const WRITE = 1;
const REPLY_BYTES = 16;

/** Answers everything at once and does nothing: what is left is the protocol. */
const nullExport: NbdExport = {
  info: {
    name: '',
    sizeBytes: SIZE_BYTES,
    readOnly: false,
    canMultiConn: false,
    supports: { flush: true, fua: true, trim: true, writeZeroes: true, cache: false },
  },
  read: () => undefined,
  write: () => undefined,
  flush: () => undefined,
  trim: () => undefined,
  writeZeroes: () => undefined,
  close: () => undefined,
};

/** 64 pipelined requests through the NBD server and back, over a stream in memory. */
export async function addNbdTasks(add: AddTask): Promise<() => Promise<void>> {
  const server = NbdServer.create({
    provider: {
      list: () => Promise.resolve([{ name: '' }]),
      open: () => Promise.resolve(nullExport),
    },
  });
  const [client, serverEnd] = duplexPair();
  const served = server.serve(serverEnd, 'memory');
  await openExport(client);
  const data = Buffer.alloc(BLOCK_BYTES, 1);
  const writes = Buffer.concat(
    Array.from({ length: REQUESTS }, (_, index) => [request(WRITE, index), data]).flat(),
  );
  const reads = Buffer.concat(Array.from({ length: REQUESTS }, (_, i) => request(READ, i)));
  add('NBD: 64 writes of 4 KiB', REQUESTS, 'request', () =>
    exchange(client, writes, REQUESTS * REPLY_BYTES),
  );
  add('NBD: 64 reads of 4 KiB', REQUESTS, 'request', () =>
    exchange(client, reads, REQUESTS * (REPLY_BYTES + BLOCK_BYTES)),
  );
  return async () => {
    client.destroy();
    serverEnd.destroy();
    await server.close();
    await served;
  };
}

const request = (command: number, index: number): Buffer =>
  encodeRequest({
    command,
    cookie: BigInt(index),
    offset: BigInt(index * BLOCK_BYTES),
    length: BLOCK_BYTES,
  });

async function openExport(stream: Duplex): Promise<void> {
  const raw = new NbdRawClient(stream);
  await raw.greet();
  // An empty name (its length in 32 bits), and no information asked for (a count in 16 bits).
  raw.send(encodeOption(GO, Buffer.alloc(6)));
  while ((await raw.optionReply()).type !== ACK);
  raw.release();
}

function exchange(stream: Duplex, requests: Buffer, replyBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let missing = replyBytes;
    const take = (chunk: Buffer): void => {
      missing -= chunk.length;
      if (missing > 0) return;
      stream.off('data', take);
      resolve();
    };
    stream.on('data', take);
    stream.resume();
    stream.write(requests);
  });
}
