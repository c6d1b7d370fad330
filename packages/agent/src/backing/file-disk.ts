import {
  closeSync,
  fdatasync,
  fstatSync,
  readFileSync,
  readSync,
  read as readWithPool,
  writeSync,
  write as writeWithPool,
} from 'node:fs';
import { constants } from 'node:os';
import {
  blockZeroOut,
  CachedReader,
  crc32c,
  punchHole,
  SystemCallError,
  seekData,
  seekHole,
  zeroRange,
} from '@retrace/core';
import type { Disk, DiskStamp, ZeroMode } from './disk.js';

/** Largest read that is tried from the page cache. */
export const CACHED_READ_BYTES_MAX = 64 * 1024;

const SAMPLES = 16;
const SAMPLE_BYTES = 4096;

const { EOPNOTSUPP, ENOSYS, ENODEV } = constants.errno;
const UNSUPPORTED: ReadonlySet<number> = new Set([EOPNOTSUPP, ENOSYS, ENODEV]);

/** What `fs.read` and `fs.write` have in common. */
type PooledCall = (
  fd: number,
  buffer: Buffer,
  offset: number,
  length: number,
  position: number,
  done: (error: NodeJS.ErrnoException | null, count: number) => void,
) => void;

const shortError = (call: string, path: string): Error =>
  Object.assign(new Error(`${call} of ${path} came up short`), { code: 'EIO' });

/** One reader for all disks: what it returns is used before the next call. */
let sharedReader: CachedReader | undefined;

/** A disk that is an open file or block device. */
export class FileDisk implements Disk {
  readonly path: string;
  readonly sizeBytes: number;
  readonly isBlockDevice: boolean;
  readonly #fd: number;
  readonly #reader: CachedReader;
  /** Ways to zero a range that this disk has refused. */
  readonly #refused = new Set<string>();

  /** @param fd - open for reading and writing; closed by {@link close} */
  constructor(path: string, fd: number, sizeBytes: number, isBlockDevice: boolean) {
    this.path = path;
    this.#fd = fd;
    this.sizeBytes = sizeBytes;
    this.isBlockDevice = isBlockDevice;
    sharedReader ??= new CachedReader(CACHED_READ_BYTES_MAX);
    this.#reader = sharedReader;
  }

  readCached(offset: number, length: number): Buffer | undefined {
    if (length > CACHED_READ_BYTES_MAX) return undefined;
    return this.#reader.tryRead(this.#fd, offset, length) ? this.#reader.scratch : undefined;
  }

  read(offset: number, target: Buffer): Promise<void> {
    return this.#pooled('read', readWithPool, offset, target);
  }

  readSync(offset: number, target: Buffer): void {
    let done = 0;
    while (done < target.length) {
      const got = readSync(this.#fd, target, done, target.length - done, offset + done);
      if (got === 0) throw shortError('read', this.path);
      done += got;
    }
  }

  write(offset: number, data: Buffer): Promise<void> {
    return this.#pooled('write', writeWithPool, offset, data);
  }

  writeSync(offset: number, data: Buffer): void {
    const { length } = data;
    let done = writeSync(this.#fd, data, 0, length, offset);
    while (done < length) {
      const more = writeSync(this.#fd, data, done, length - done, offset + done);
      if (more === 0) throw shortError('write', this.path);
      done += more;
    }
  }

  zeroSync(offset: number, length: number, mode: ZeroMode): boolean {
    if (mode === 'hole') return this.#try('hole', () => punchHole(this.#fd, offset, length));
    if (this.#try('zero', () => zeroRange(this.#fd, offset, length))) return true;
    if (!this.isBlockDevice) return false;
    return this.#try('zero-out', () => blockZeroOut(this.#fd, offset, length));
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  nextData(offset: number): number | undefined {
    if (this.#refused.has('seek')) return offset;
    try {
      return seekData(this.#fd, offset);
    } catch {
      this.#refused.add('seek');
      return offset;
    }
  }

  nextHole(offset: number): number {
    if (this.#refused.has('seek')) return this.sizeBytes;
    return Math.min(seekHole(this.#fd, offset) ?? this.sizeBytes, this.sizeBytes);
  }

  stamp(): DiskStamp {
    const { mtimeNs, ctimeNs, rdev } = fstatSync(this.#fd, { bigint: true });
    return {
      sizeBytes: this.sizeBytes,
      mtimeNs: String(mtimeNs),
      ctimeNs: String(ctimeNs),
      writes: this.isBlockDevice ? deviceWrites(Number(rdev)) : '',
      samples: this.#sampleChecksum(),
    };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #sampleChecksum(): number {
    const block = Buffer.alloc(SAMPLE_BYTES);
    const step = Math.max(SAMPLE_BYTES, Math.floor(this.sizeBytes / SAMPLES));
    let sum = 0;
    for (let offset = 0; offset < this.sizeBytes; offset += step) {
      const length = Math.min(SAMPLE_BYTES, this.sizeBytes - offset);
      this.readSync(offset, block.subarray(0, length));
      sum = crc32c(block.subarray(0, length), sum);
    }
    return sum;
  }

  #try(way: string, call: () => void): boolean {
    if (this.#refused.has(way)) return false;
    try {
      call();
      return true;
    } catch (error) {
      if (!(error instanceof SystemCallError) || !UNSUPPORTED.has(error.errno)) throw error;
      this.#refused.add(way);
      return false;
    }
  }

  #pooled(name: string, call: PooledCall, offset: number, buffer: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (at: number): void => {
        call(this.#fd, buffer, at, buffer.length - at, offset + at, (error, count) => {
          if (error !== null) reject(error);
          else if (at + count === buffer.length) resolve();
          else if (count === 0) reject(shortError(name, this.path));
          else step(at + count);
        });
      };
      step(0);
    });
  }
}

/** Boot and write counters of a device: equal means that nobody wrote to it since. */
const deviceWrites = (rdev: number): string => {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const stat = readFileSync(`/sys/dev/block/${deviceNumber(rdev)}/stat`, 'latin1');
    const fields = stat.trim().split(/\s+/);
    // Writes, sectors written, discards, sectors discarded (kernel: Documentation/block/stat).
    return [boot, fields[4], fields[6], fields[11], fields[13]].join(' ');
  } catch {
    return '';
  }
};

/** `MAJOR:MINOR` of a dev_t, as glibc packs it. */
export const deviceNumber = (dev: number): string => {
  const value = BigInt(dev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
};
