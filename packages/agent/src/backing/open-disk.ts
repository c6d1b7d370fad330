import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import {
  blockDeviceBytes,
  LIMITS,
  RetraceError,
  systemErrorCode,
  tryLockExclusive,
} from '@retrace/core';
import type { Disk } from './disk.js';
import { FileDisk } from './file-disk.js';

/** Opens the disk of a volume; tests bring their own. */
export type OpenDisk = (path: string) => Disk;

/**
 * Opens a file or block device so that no other agent, and for a device no mount, can use it.
 * @throws RetraceError VOLUME_NOT_FOUND, VOLUME_IN_USE, VOLUME_SIZE, STORAGE_FAILED
 */
export const openDisk: OpenDisk = (path) => {
  const fd = openExclusive(path);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() && !stats.isBlockDevice()) {
      throw new RetraceError('VOLUME_NOT_FOUND', `${path} is neither a file nor a block device`);
    }
    if (!tryLockExclusive(fd)) throw inUse(path);
    return new FileDisk(path, fd, checkedSize(path, fd, stats), stats.isBlockDevice());
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};

const openExclusive = (path: string): number => {
  try {
    // Without O_CREAT, O_EXCL means something for block devices only: nobody else may hold it.
    return openSync(path, constants.O_RDWR | constants.O_EXCL);
  } catch (cause) {
    switch (systemErrorCode(cause)) {
      case 'ENOENT':
        throw new RetraceError('VOLUME_NOT_FOUND', `${path} does not exist`, { cause });
      case 'EBUSY':
        throw inUse(path, cause);
      case 'EISDIR':
      case 'ENXIO':
        throw new RetraceError('VOLUME_NOT_FOUND', `${path} is no file or block device`, { cause });
      default: {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new RetraceError('STORAGE_FAILED', `cannot open ${path}: ${why}`, { cause });
      }
    }
  }
};

const inUse = (path: string, cause?: unknown): RetraceError =>
  new RetraceError('VOLUME_IN_USE', `${path} is used by another program: unmount or stop it`, {
    cause,
  });

const checkedSize = (path: string, fd: number, stats: Stats): number => {
  const bytes = stats.isBlockDevice() ? blockDeviceBytes(fd) : stats.size;
  if (bytes > 0 && bytes <= LIMITS.volumeBytesMax) return bytes;
  const why =
    bytes === 0
      ? 'is empty: give it its size first (truncate -s 10G)'
      : `has ${bytes} bytes, more than ${LIMITS.volumeBytesMax}`;
  throw new RetraceError('VOLUME_SIZE', `${path} ${why}`);
};
