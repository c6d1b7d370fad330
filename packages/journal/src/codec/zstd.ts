import zlib from 'node:zlib';
import koffi from 'koffi';

/** Zstandard, from wherever this machine has it. */
export interface Zstd {
  /**
   * One frame of the bytes, in a buffer of its own.
   * @param bytesMax - undefined is returned when the frame would be longer
   */
  compress(bytes: Buffer, level: number, bytesMax: number): Buffer | undefined;
  /** @throws Error for what is no zstd of exactly `plainBytes` bytes */
  decompress(bytes: Buffer, plainBytes: number): Buffer;
  /** The same on a thread of the pool. */
  decompressLater(bytes: Buffer, plainBytes: number): Promise<Buffer>;
}

/** What Node 22.15 and newer have; the types of Node 20 do not know it. */
interface ZlibWithZstd {
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
  zstdCompressSync(bytes: Buffer, options: object): Buffer;
  zstdDecompressSync(bytes: Buffer, options: object): Buffer;
  zstdDecompress(
    bytes: Buffer,
    options: object,
    done: (error: Error | null, plain: Buffer) => void,
  ): void;
}

const exactly = (plain: Buffer, plainBytes: number): Buffer => {
  if (plain.length === plainBytes) return plain;
  throw new Error(`zstd gave ${plain.length} bytes, not ${plainBytes}`);
};

/** Zstandard as Node brings it; undefined where it does not. */
export const nodeZstd = (module: object = zlib): Zstd | undefined => {
  if (!('zstdCompressSync' in module)) return undefined;
  const zstd = module as ZlibWithZstd;
  return {
    compress: (bytes, level, bytesMax) => {
      const params = { [zstd.constants.ZSTD_c_compressionLevel]: level };
      const packed = zstd.zstdCompressSync(bytes, { params });
      return packed.length <= bytesMax ? packed : undefined;
    },
    decompress: (bytes, plainBytes) =>
      exactly(zstd.zstdDecompressSync(bytes, { maxOutputLength: plainBytes }), plainBytes),
    decompressLater: (bytes, plainBytes) =>
      new Promise((resolve, reject) => {
        zstd.zstdDecompress(bytes, { maxOutputLength: plainBytes }, (error, plain) => {
          if (error === null && plain.length === plainBytes) resolve(plain);
          else reject(error ?? new Error(`zstd gave ${plain.length} bytes, not ${plainBytes}`));
        });
      }),
  };
};

const loadLibrary = (name: string): ReturnType<typeof koffi.load> | undefined => {
  try {
    return koffi.load(name);
  } catch {
    return undefined;
  }
};

/** Errors are the highest values of size_t: they come as bigints, for they are above 2^53. */
const size = (result: number | bigint): number => (typeof result === 'bigint' ? -1 : result);

/** Zstandard of the system's library; undefined where there is none. */
export const libraryZstd = (name = 'libzstd.so.1'): Zstd | undefined => {
  const library = loadLibrary(name);
  if (library === undefined) return undefined;
  const compressCall = library.func(
    'size_t ZSTD_compressCCtx(void *ctx, void *to, size_t room, void *from, size_t n, int level)',
  );
  const decompressCall = library.func(
    'size_t ZSTD_decompress(void *to, size_t room, const void *from, size_t n)',
  );
  // One context for as long as the process lives: making it costs more than a small page does.
  const context: unknown = library.func('void *ZSTD_createCCtx()')();
  let scratch = Buffer.alloc(0);
  const checked = (plain: Buffer, result: number | bigint): Buffer => {
    if (size(result) === plain.length) return plain;
    throw new Error(`libzstd: not a frame of ${plain.length} bytes`);
  };
  const decompress = (bytes: Buffer, plainBytes: number): Buffer => {
    const plain = Buffer.allocUnsafeSlow(plainBytes);
    const result = decompressCall(plain, plainBytes, bytes, bytes.length) as number | bigint;
    return checked(plain, result);
  };
  return {
    compress: (bytes, level, bytesMax) => {
      if (scratch.length < bytesMax) scratch = Buffer.allocUnsafeSlow(bytesMax);
      const result = compressCall(context, scratch, bytesMax, bytes, bytes.length, level) as
        | number
        | bigint;
      const packedBytes = size(result);
      return packedBytes < 0 ? undefined : Buffer.from(scratch.subarray(0, packedBytes));
    },
    decompress,
    decompressLater: (bytes, plainBytes) =>
      new Promise((resolve, reject) => {
        const plain = Buffer.allocUnsafeSlow(plainBytes);
        const done = (error: Error | null, result: number | bigint): void => {
          try {
            if (error !== null) reject(error);
            else resolve(checked(plain, result));
          } catch (failure) {
            // `bytes` must live until here: the library reads it without the collector's knowledge.
            reject(failure instanceof Error ? failure : new Error(`${bytes.length} bytes`));
          }
        };
        try {
          decompressCall.async(plain, plainBytes, bytes, bytes.length, done);
        } catch {
          // Too many calls wait for a thread already.
          resolve(decompress(bytes, plainBytes));
        }
      }),
  };
};
