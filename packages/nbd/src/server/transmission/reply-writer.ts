import type { Duplex } from 'node:stream';
import type { NbdError } from '../../errors.js';
import {
  CHUNK_DONE,
  CHUNK_HEADER_BYTES,
  ChunkType,
  SIMPLE_REPLY_BYTES,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
} from '../../protocol/constants.js';
import { encodeText } from '../../protocol/text.js';
import type { Request } from './request.js';

const SLAB_BYTES = 64 * 1024;
/** A reply longer than this gets memory of its own. */
const SLAB_REPLY_BYTES_MAX = SLAB_BYTES / 4;
/** Gathered replies are written when they reach this, to keep the peer busy. */
const GATHER_BYTES = 256 * 1024;
const OFFSET_BYTES = 8;

/** Room for the reply to a READ: its header, and the payload right behind it. */
export interface ReadSlot {
  readonly buffer: Buffer;
  readonly start: number;
  /** Where the payload goes. */
  readonly target: Buffer;
}

/** Told when gathered replies have left for the peer, or never will. */
export type RepliesSent = (requests: number, cost: number) => void;

/**
 * Gathers replies and writes them together. Headers, and payloads of small reads, lie one behind
 * the other in a slab, so that a whole batch of replies is mostly one buffer and one write.
 */
export class ReplyWriter {
  readonly #stream: Duplex;
  readonly #structured: boolean;
  readonly #sent: RepliesSent;
  #slab = Buffer.alloc(0);
  #slabEnd = 0;
  /** Complete runs of bytes; the run being extended is beside them. */
  #pieces: Buffer[] = [];
  #run: Buffer = this.#slab;
  #runStart = 0;
  #runEnd = 0;
  #bytes = 0;
  #requests = 0;
  #cost = 0;
  #flushScheduled = false;

  constructor(stream: Duplex, structured: boolean, sent: RepliesSent) {
    this.#stream = stream;
    this.#structured = structured;
    this.#sent = sent;
  }

  /** Enough is gathered to be written at once. */
  get full(): boolean {
    return this.#bytes >= GATHER_BYTES;
  }

  /** Room for the reply to a READ of `length` bytes. It may be left unused. */
  readSlot(length: number): ReadSlot {
    const header = this.#structured ? CHUNK_HEADER_BYTES + OFFSET_BYTES : SIMPLE_REPLY_BYTES;
    const start = this.#room(header + length);
    if (start >= 0) {
      const at = start + header;
      return { buffer: this.#slab, start, target: this.#slab.subarray(at, at + length) };
    }
    const buffer = Buffer.allocUnsafeSlow(header + length);
    return { buffer, start: 0, target: buffer.subarray(header) };
  }

  /** The slot's target is filled: answer. */
  data(request: Request, slot: ReadSlot): void {
    const { buffer, start } = slot;
    const { offset, cost } = request;
    const length = slot.target.length;
    if (this.#structured) {
      const at = start + CHUNK_HEADER_BYTES;
      writeChunkHeader(buffer, start, ChunkType.OFFSET_DATA, request, OFFSET_BYTES + length);
      buffer.writeUInt32BE(Math.floor(offset / 2 ** 32), at);
      buffer.writeUInt32BE(offset % 2 ** 32, at + 4);
      this.#add(buffer, start, at + OFFSET_BYTES + length, cost);
    } else {
      writeSimple(buffer, start, 0, request);
      this.#add(buffer, start, start + SIMPLE_REPLY_BYTES + length, cost);
    }
  }

  /** A request without payload in its answer is done. */
  done(request: Request): void {
    const start = this.#need(SIMPLE_REPLY_BYTES);
    writeSimple(this.#slab, start, 0, request);
    this.#add(this.#slab, start, start + SIMPLE_REPLY_BYTES, request.cost);
  }

  /** A request has failed. */
  error(request: Request, error: NbdError): void {
    if (!this.#structured) {
      const start = this.#need(SIMPLE_REPLY_BYTES);
      writeSimple(this.#slab, start, error.errno, request);
      this.#add(this.#slab, start, start + SIMPLE_REPLY_BYTES, request.cost);
      return;
    }
    const text = encodeText(error.wireText);
    const length = CHUNK_HEADER_BYTES + 6 + text.length;
    const start = this.#need(length);
    writeChunkHeader(this.#slab, start, ChunkType.ERROR, request, 6 + text.length);
    this.#slab.writeUInt32BE(error.errno, start + CHUNK_HEADER_BYTES);
    this.#slab.writeUInt16BE(text.length, start + CHUNK_HEADER_BYTES + 4);
    text.copy(this.#slab, start + CHUNK_HEADER_BYTES + 6);
    this.#add(this.#slab, start, start + length, request.cost);
  }

  /** The answer to a BLOCK_STATUS. */
  extents(request: Request, payload: Buffer): void {
    const start = this.#need(CHUNK_HEADER_BYTES);
    writeChunkHeader(this.#slab, start, ChunkType.BLOCK_STATUS, request, payload.length);
    this.#add(this.#slab, start, start + CHUNK_HEADER_BYTES, request.cost);
    this.#endRun();
    this.#pieces.push(payload);
    this.#bytes += payload.length;
  }

  /** Writes what is gathered before the event loop waits again, with what else comes until then. */
  flushSoon(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  /** Writes what is gathered. */
  flush(): void {
    if (this.#requests === 0) return;
    this.#endRun();
    const pieces = this.#pieces;
    const requests = this.#requests;
    const cost = this.#cost;
    const sent = (): void => this.#sent(requests, cost);
    this.#pieces = [];
    this.#bytes = 0;
    this.#requests = 0;
    this.#cost = 0;
    if (this.#stream.destroyed || this.#stream.writableEnded) {
      sent();
      return;
    }
    const last = pieces.length - 1;
    if (last === 0) {
      this.#stream.write(pieces[0], sent);
      return;
    }
    this.#stream.cork();
    for (let i = 0; i < last; i++) this.#stream.write(pieces[i]);
    this.#stream.write(pieces[last], sent);
    this.#stream.uncork();
  }

  #add(buffer: Buffer, start: number, end: number, cost: number): void {
    if (buffer !== this.#run || start !== this.#runEnd) {
      this.#endRun();
      this.#run = buffer;
      this.#runStart = start;
    }
    this.#runEnd = end;
    this.#bytes += end - start;
    this.#requests += 1;
    this.#cost += cost;
  }

  #endRun(): void {
    if (this.#runEnd > this.#runStart) {
      this.#pieces.push(this.#run.subarray(this.#runStart, this.#runEnd));
    }
    this.#runStart = this.#runEnd;
  }

  /** Place in the slab for a reply that is known to be small. */
  #need(bytes: number): number {
    const start = this.#room(bytes);
    if (start < 0) throw new RangeError(`a reply of ${bytes} bytes is not small`);
    return start;
  }

  #room(bytes: number): number {
    if (bytes > SLAB_REPLY_BYTES_MAX) return -1;
    if (this.#slabEnd + bytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabEnd = 0;
    }
    const start = this.#slabEnd;
    this.#slabEnd += bytes;
    return start;
  }
}

function writeSimple(buffer: Buffer, at: number, errno: number, request: Request): void {
  buffer.writeUInt32BE(SIMPLE_REPLY_MAGIC, at);
  buffer.writeUInt32BE(errno, at + 4);
  buffer.writeInt32BE(request.cookieHigh, at + 8);
  buffer.writeInt32BE(request.cookieLow, at + 12);
}

function writeChunkHeader(
  buffer: Buffer,
  at: number,
  type: number,
  request: Request,
  length: number,
): void {
  buffer.writeUInt32BE(STRUCTURED_REPLY_MAGIC, at);
  buffer.writeUInt16BE(CHUNK_DONE, at + 4);
  buffer.writeUInt16BE(type, at + 6);
  buffer.writeInt32BE(request.cookieHigh, at + 8);
  buffer.writeInt32BE(request.cookieLow, at + 12);
  buffer.writeUInt32BE(length, at + 16);
}
