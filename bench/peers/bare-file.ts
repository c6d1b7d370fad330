import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes a second of `writev` and then `fdatasync`, `batchBytes` at a time, in one growing file. */
export async function measureBareFile(
  dir: string,
  recordBytes: number,
  batchBytes: number,
  seconds: number,
): Promise<number> {
  const file = await open(join(dir, `plain-${batchBytes}`), 'w');
  try {
    const records = Math.max(1, Math.floor(batchBytes / recordBytes));
    const buffers = Array.from({ length: records }, () => randomBytes(recordBytes));
    let bytes = 0;
    const startMs = performance.now();
    while (performance.now() - startMs < seconds * 1000) {
      const { bytesWritten } = await file.writev(buffers);
      if (bytesWritten !== records * recordBytes) throw new Error('short writev');
      await file.datasync();
      bytes += bytesWritten;
    }
    return bytes / ((performance.now() - startMs) / 1000);
  } finally {
    await file.close();
  }
}
