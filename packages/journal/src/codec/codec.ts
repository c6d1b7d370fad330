import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { assert, RetraceError } from '@retrace/core';
import { libraryZstd, nodeZstd, type Zstd } from './zstd.js';

/** How bytes are stored. The numbers are those of the files: never change one. */
export const CODEC = { raw: 0, zstd: 1, deflate: 2 } as const;
export type CodecNumber = (typeof CODEC)[keyof typeof CODEC];

export interface Compressed {
  readonly codec: CodecNumber;
  /** With codec `raw` the bytes that were given, not copied. */
  readonly bytes: Buffer;
}

export interface DecompressOptions {
  /** No more is ever allocated, whatever the file says. */
  readonly plainBytesMax: number;
  /** File and byte, for errors. */
  readonly place: string;
}

/** Stored bytes, and what is known of their plain form. */
export interface Codec {
  /**
   * The bytes as small as this machine makes them; raw when that is not below 15/16 of them.
   * @param level - of the effort, 1 to 19; 0 stores everything raw
   */
  compress(bytes: Buffer, options: { readonly level: number }): Compressed;

  /**
   * The plain bytes; with codec `raw` the stored ones, not copied.
   * @throws RetraceError CORRUPTION when they are not `plainBytes` bytes of that codec, or more
   *   than `plainBytesMax`; STORAGE_FAILED when this machine lacks the codec
   */
  decompress(codec: number, bytes: Buffer, plainBytes: number, options: DecompressOptions): Buffer;

  /** The same on a thread of the pool where that pays; rejects with the same errors. */
  decompressLater(
    codec: number,
    bytes: Buffer,
    plainBytes: number,
    options: DecompressOptions,
  ): Promise<Buffer>;
}

const LEVEL_MAX = 19;
const DEFLATE_LEVEL = 1;
/** Fewer bytes are decompressed in less time than the way to a thread and back takes. */
const LATER_BYTES_MIN = 64 * 1024;

const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

const corrupt = (place: string, why: string, cause?: unknown): RetraceError =>
  new RetraceError('CORRUPTION', `${place}: ${why}`, { details: { place }, cause });

const lacking = (place: string): RetraceError =>
  new RetraceError(
    'STORAGE_FAILED',
    `${place} is compressed with zstd, which this machine lacks: install libzstd (libzstd.so.1), ` +
      'or use Node 22.15 or newer',
    { details: { place } },
  );

const checkBound = (plainBytes: number, { plainBytesMax, place }: DecompressOptions): void => {
  if (plainBytes <= plainBytesMax) return;
  throw corrupt(place, `says it holds ${plainBytes} bytes; at most ${plainBytesMax} are allowed`);
};

const checkLength = (plain: Buffer, plainBytes: number, { place }: DecompressOptions): Buffer => {
  if (plain.length === plainBytes) return plain;
  throw corrupt(place, `holds ${plain.length} bytes, not ${plainBytes}`);
};

const unknownCodec = (codec: number, place: string): RetraceError =>
  corrupt(place, `codec ${codec} is unknown to this release`);

/** Runs a codec's own code: what it throws means that the bytes are damaged. */
const asCorruption = (place: string, error: unknown): RetraceError =>
  error instanceof RetraceError ? error : corrupt(place, 'cannot be decompressed', error);

/** @param zstd - undefined: this machine has none */
export const makeCodec = (zstd: Zstd | undefined): Codec => ({
  compress(bytes, { level }) {
    assert(level >= 0 && level <= LEVEL_MAX, `a compression level is 0 to ${LEVEL_MAX}`);
    const bytesMax = Math.ceil((bytes.length * 15) / 16) - 1;
    if (level === 0 || bytesMax <= 0) return { codec: CODEC.raw, bytes };
    if (zstd !== undefined) {
      const packed = zstd.compress(bytes, level, bytesMax);
      return packed === undefined
        ? { codec: CODEC.raw, bytes }
        : { codec: CODEC.zstd, bytes: packed };
    }
    const packed = zlib.deflateRawSync(bytes, { level: DEFLATE_LEVEL });
    if (packed.length > bytesMax) return { codec: CODEC.raw, bytes };
    return { codec: CODEC.deflate, bytes: packed };
  },

  decompress(codec, bytes, plainBytes, options) {
    checkBound(plainBytes, options);
    if (codec === CODEC.raw) return checkLength(bytes, plainBytes, options);
    if (codec === CODEC.zstd && zstd === undefined) throw lacking(options.place);
    try {
      if (codec === CODEC.zstd) return zstd!.decompress(bytes, plainBytes);
      if (codec !== CODEC.deflate) throw unknownCodec(codec, options.place);
      const plain = zlib.inflateRawSync(bytes, { maxOutputLength: Math.max(plainBytes, 1) });
      return checkLength(plain, plainBytes, options);
    } catch (error) {
      throw asCorruption(options.place, error);
    }
  },

  async decompressLater(codec, bytes, plainBytes, options) {
    if (codec === CODEC.raw || plainBytes < LATER_BYTES_MIN) {
      return this.decompress(codec, bytes, plainBytes, options);
    }
    checkBound(plainBytes, options);
    if (codec === CODEC.zstd && zstd === undefined) throw lacking(options.place);
    try {
      if (codec === CODEC.zstd) return await zstd!.decompressLater(bytes, plainBytes);
      if (codec !== CODEC.deflate) throw unknownCodec(codec, options.place);
      const plain = await inflateRaw(bytes, { maxOutputLength: plainBytes });
      return checkLength(plain, plainBytes, options);
    } catch (error) {
      throw asCorruption(options.place, error);
    }
  },
});

/** The codec of this machine. */
export const machineCodec: Codec = makeCodec(nodeZstd() ?? libraryZstd());

export const { compress, decompress } = machineCodec;
/** See `Codec.decompressLater`. */
export const decompressLater: Codec['decompressLater'] = (codec, bytes, plainBytes, options) =>
  machineCodec.decompressLater(codec, bytes, plainBytes, options);
