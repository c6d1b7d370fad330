import { NbdError } from '../errors.js';
import type { NbdExtent } from '../export/export.js';
import {
  AllocationFlag,
  CHUNK_DONE,
  ChunkType,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
} from '../protocol/constants.js';
import { type FrameSink, STOP } from '../protocol/frame-intake.js';
import type { Pending } from './pending.js';
import { errnoName, serverError } from './server-error.js';

/** What both kinds of reply begin with: magic32, 4 bytes, cookie64. */
export const REPLY_HEADER_BYTES = 16;

const CHUNK_BYTES_MAX = 64 * 1024 * 1024 + 8;
const SMALL_CHUNK_BYTES_MAX = 16 * 1024 * 1024;

type Stage = 'length' | 'data-offset' | 'data' | 'hole' | 'extents' | 'error' | 'ignored';

/** What a {@link ReplyParser} works on. */
export interface ReplyHost {
  readonly pending: Map<number, Pending>;
  readonly structured: boolean;
  readonly allocationId: number | undefined;
  /** The stream makes no sense any more. */
  broken(error: NbdError): void;
}

/** Takes the server's replies apart; the data of reads goes straight where it belongs. */
export class ReplyParser implements FrameSink {
  readonly #host: ReplyHost;
  #request: Pending | undefined;
  #cookie = 0;
  #done = true;
  #type = 0;
  #stage: Stage = 'data';
  #chunkBytes = 0;
  #target: Buffer | undefined;

  constructor(host: ReplyHost) {
    this.#host = host;
  }

  header(buffer: Buffer, at: number): number {
    const magic = buffer.readUInt32BE(at);
    this.#cookie = buffer.readUInt32BE(at + 12);
    const request = this.#host.pending.get(this.#cookie);
    if (request === undefined || buffer.readUInt32BE(at + 8) !== 0) {
      return this.#broken('a reply to nothing that was asked');
    }
    this.#request = request;
    if (magic === SIMPLE_REPLY_MAGIC) return this.#simple(request, buffer.readUInt32BE(at + 4));
    if (magic !== STRUCTURED_REPLY_MAGIC || !this.#host.structured) {
      return this.#broken('a reply does not begin with its magic');
    }
    this.#done = (buffer.readUInt16BE(at + 4) & CHUNK_DONE) !== 0;
    this.#type = buffer.readUInt16BE(at + 6);
    this.#stage = 'length';
    return 4;
  }

  target(length: number): Buffer | undefined {
    if (this.#stage === 'data') return this.#target;
    return this.#stage === 'ignored' ? undefined : Buffer.allocUnsafe(length);
  }

  body(data: Buffer): number {
    const request = this.#request as Pending;
    switch (this.#stage) {
      case 'length':
        return this.#beginChunk(data.readUInt32BE(0));
      case 'data-offset':
        return this.#beginData(request, Number(data.readBigUInt64BE(0)), this.#chunkBytes - 8);
      case 'data':
        if (data !== this.#target && this.#target !== undefined) data.copy(this.#target);
        request.received += data.length;
        return this.#endChunk(request);
      case 'hole':
        return this.#hole(request, Number(data.readBigUInt64BE(0)), data.readUInt32BE(8));
      case 'extents':
        return this.#extents(request, data);
      case 'error':
        return this.#error(request, data);
      default:
        return this.#endChunk(request);
    }
  }

  #simple(request: Pending, errno: number): number {
    this.#done = true;
    if (errno !== 0) {
      request.error = serverError('', `${request.operation}: ${errnoName(errno)}`, { errno });
      return this.#endChunk(request);
    }
    if (request.target === undefined) return this.#endChunk(request);
    if (this.#host.structured) return this.#broken('a simple reply to a read');
    return this.#beginData(request, request.offset, request.target.length);
  }

  #beginChunk(length: number): number {
    const data = this.#type === ChunkType.OFFSET_DATA;
    this.#chunkBytes = length;
    if (length > (data ? CHUNK_BYTES_MAX : SMALL_CHUNK_BYTES_MAX)) {
      return this.#broken(`a chunk of ${length} bytes`);
    }
    const begin = (stage: Stage, fits: boolean, bytes = length): number => {
      this.#stage = stage;
      return fits ? bytes : this.#broken(`a chunk of type ${this.#type} with ${length} bytes`);
    };
    switch (this.#type) {
      case ChunkType.NONE:
        if (length !== 0 || !this.#done) return this.#broken('a NONE chunk that is none');
        return this.#endChunk(this.#request as Pending);
      case ChunkType.OFFSET_DATA:
        return begin('data-offset', length > 8, 8);
      case ChunkType.OFFSET_HOLE:
        return begin('hole', length === 12);
      case ChunkType.BLOCK_STATUS:
        return begin('extents', length >= 12 && length % 8 === 4);
      case ChunkType.ERROR:
      case ChunkType.ERROR_OFFSET:
        return begin('error', length >= 6);
      default:
        // The protocol: an unknown type with the high bit is an error, any other is a fault.
        return this.#type >= 0x8000 ? begin('error', length >= 6) : begin('ignored', false);
    }
  }

  #beginData(request: Pending, offset: number, length: number): number {
    const at = offset - request.offset;
    const target = request.target;
    if (target === undefined || at < 0 || at + length > target.length) {
      return this.#broken('data that was not asked for');
    }
    if (length === 0) return this.#endChunk(request);
    this.#stage = 'data';
    this.#target = target.subarray(at, at + length);
    return length;
  }

  #hole(request: Pending, offset: number, length: number): number {
    const at = offset - request.offset;
    const target = request.target;
    if (target === undefined || at < 0 || at + length > target.length) {
      return this.#broken('a hole that was not asked for');
    }
    target.fill(0, at, at + length);
    request.received += length;
    return this.#endChunk(request);
  }

  #extents(request: Pending, data: Buffer): number {
    if (data.readUInt32BE(0) !== this.#host.allocationId) {
      return this.#broken('extents of a context that was not chosen');
    }
    const extents: NbdExtent[] = [];
    for (let at = 4; at < data.length; at += 8) {
      const status = data.readUInt32BE(at + 4);
      extents.push({
        length: data.readUInt32BE(at),
        hole: (status & AllocationFlag.HOLE) !== 0,
        zero: (status & AllocationFlag.ZERO) !== 0,
      });
    }
    request.extents = extents;
    return this.#endChunk(request);
  }

  #error(request: Pending, data: Buffer): number {
    const errno = data.readUInt32BE(0);
    const text = data.toString('utf8', 6, 6 + data.readUInt16BE(4));
    request.error ??= serverError(text, `${request.operation}: ${errnoName(errno)}`, { errno });
    return this.#endChunk(request);
  }

  #endChunk(request: Pending): number {
    this.#target = undefined;
    if (!this.#done) return 0;
    this.#host.pending.delete(this.#cookie);
    if (request.error !== undefined) {
      request.reject(request.error);
    } else if (request.target !== undefined && request.received !== request.target.length) {
      request.reject(new NbdError('NBD_PROTOCOL', 'the server sent less data than was asked for'));
    } else {
      request.resolve(request);
    }
    return 0;
  }

  #broken(text: string): number {
    this.#host.broken(new NbdError('NBD_PROTOCOL', text));
    return STOP;
  }
}
