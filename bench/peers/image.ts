import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

const PIECE_BYTES = 4096;
/** Pieces to choose from: no two neighbours are equal, and nothing compresses. */
const PIECES = 1021;

/**
 * Makes a disk image whose every block is written. In pieces of 4 KiB on purpose: after large
 * writes the page cache holds the file in large folios, and ext4 (seen on Linux 6.18) then walks
 * through hundreds of blocks for each small write, 50 us and more, whoever makes it. That would
 * hide the contenders behind the kernel.
 */
export function makeImage(path: string, sizeBytes: number): string {
  const pieces = randomBytes(PIECES * PIECE_BYTES);
  const fd = openSync(path, 'w');
  try {
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      const piece = ((at / PIECE_BYTES) % PIECES) * PIECE_BYTES;
      const length = Math.min(PIECE_BYTES, sizeBytes - at);
      if (writeSync(fd, pieces, piece, length, at) !== length) throw new Error('short write');
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return path;
}
