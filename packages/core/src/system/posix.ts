import { constants } from 'node:os';
import koffi from 'koffi';

/**
 * The system calls Node lacks. All numbers are those of Linux on 64-bit machines; nothing else is
 * supported (docs/architecture.md). Calls are synchronous: each is one that cannot block for long,
 * or is documented where it can.
 */
const libc = koffi.load('libc.so.6');

const clockGettime = libc.func('int clock_gettime(int clock, void *out)');
const fallocateCall = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
const lseekCall = libc.func('int64_t lseek(int fd, int64_t offset, int whence)');
const preadv2Call = libc.func(
  'int64_t preadv2(int fd, const void *iov, int count, int64_t offset, int flags)',
);
const ioctlCall = libc.func('int ioctl(int fd, uint64_t request, void *argument)');
const flockCall = libc.func('int flock(int fd, int operation)');
const malloptCall = libc.func('int mallopt(int parameter, int value)');

const CLOCK_REALTIME = 0;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const RWF_NOWAIT = 8;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const FALLOC_FL_ZERO_RANGE = 16;
const BLKGETSIZE64 = 0x8008_1272;
const BLKZEROOUT = 0x127f;
const LOCK_EX_NB = 2 | 4;
const M_ARENA_MAX = -8;

/** A failed system call, shaped like Node's own system errors (`code` is the errno's name). */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    const code = errnoName(errno);
    super(`${syscall} failed: ${code}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
  }
}

const errnoName = (errno: number): string =>
  Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;

const check = (syscall: string, result: number): number => {
  if (result < 0) throw new SystemCallError(syscall, koffi.errno());
  return result;
};

const timespec = Buffer.alloc(16);

/** CLOCK_REALTIME in whole microseconds. */
export const clockRealtime = (): number => {
  check('clock_gettime', clockGettime(CLOCK_REALTIME, timespec) as number);
  const seconds = timespec.readUInt32LE(0) + timespec.readUInt32LE(4) * 2 ** 32;
  return seconds * 1_000_000 + Math.floor(timespec.readUInt32LE(8) / 1000);
};

/** Makes a range of a file a hole that reads as zeros; the size stays. @throws SystemCallError */
export const punchHole = (fd: number, offset: number, length: number): void => {
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  check('fallocate(PUNCH_HOLE)', fallocateCall(fd, mode, offset, length) as number);
};

/** Makes a range of a file read as zeros without freeing its space. @throws SystemCallError */
export const zeroRange = (fd: number, offset: number, length: number): void => {
  const mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
  check('fallocate(ZERO_RANGE)', fallocateCall(fd, mode, offset, length) as number);
};

/** Zeros a range of a block device; the range must be whole sectors. @throws SystemCallError */
export const blockZeroOut = (fd: number, offset: number, length: number): void => {
  const range = Buffer.alloc(16);
  range.writeBigUInt64LE(BigInt(offset), 0);
  range.writeBigUInt64LE(BigInt(length), 8);
  check('ioctl(BLKZEROOUT)', ioctlCall(fd, BLKZEROOUT, range) as number);
};

/** Size of a block device in bytes. @throws SystemCallError */
export const blockDeviceBytes = (fd: number): number => {
  const out = Buffer.alloc(8);
  check('ioctl(BLKGETSIZE64)', ioctlCall(fd, BLKGETSIZE64, out) as number);
  return Number(out.readBigUInt64LE(0));
};

/** Takes an exclusive flock without waiting; false when another open file holds one. */
export const tryLockExclusive = (fd: number): boolean => {
  if ((flockCall(fd, LOCK_EX_NB) as number) === 0) return true;
  const errno = koffi.errno();
  if (errno === constants.errno.EWOULDBLOCK || errno === constants.errno.EAGAIN) return false;
  throw new SystemCallError('flock', errno);
};

const seek = (fd: number, offset: number, whence: number): number | undefined => {
  const result = lseekCall(fd, offset, whence) as number;
  if (result >= 0) return result;
  const errno = koffi.errno();
  if (errno === constants.errno.ENXIO) return undefined;
  throw new SystemCallError('lseek', errno);
};

/** Start of the next data at or after `offset`; undefined when only holes follow. */
export const seekData = (fd: number, offset: number): number | undefined =>
  seek(fd, offset, SEEK_DATA);

/** Start of the next hole at or after `offset` (the end of a file counts as one). */
export const seekHole = (fd: number, offset: number): number | undefined =>
  seek(fd, offset, SEEK_HOLE);

/**
 * Reads what the page cache has, never waiting for a disk: the fast half of a read path whose other
 * half goes through the thread pool. Owns one scratch buffer; not for concurrent use.
 */
export class CachedReader {
  /** Bytes of the last read, from 0; valid until the next call. */
  readonly scratch: Buffer;
  readonly #iovec = Buffer.alloc(16);

  /** @param capacityBytes - the largest read */
  constructor(capacityBytes: number) {
    this.scratch = Buffer.from(new ArrayBuffer(capacityBytes));
    this.#iovec.writeBigUInt64LE(BigInt(koffi.address(this.scratch)), 0);
  }

  /**
   * Reads `length` bytes at `offset` into `scratch`. False when not all of them are in the page
   * cache (or the file ends before them, or the filesystem cannot tell): read them another way.
   */
  tryRead(fd: number, offset: number, length: number): boolean {
    this.#iovec.writeUInt32LE(length, 8);
    const got = preadv2Call(fd, this.#iovec, 1, offset, RWF_NOWAIT) as number;
    return got === length;
  }
}

/**
 * Bounds the arenas of this process's malloc, for the rest of its life. With threads that come and
 * go each new one may take a new arena, whose free memory no other uses: a server that sealed 17
 * times, a thread each, held 1.4 GB; with two arenas it held 0.5 (measured).
 * @returns false when the C library does not do it
 */
export const limitMallocArenas = (arenasMax: number): boolean =>
  (malloptCall(M_ARENA_MAX, arenasMax) as number) === 1;
