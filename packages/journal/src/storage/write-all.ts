import { type StoredFile, WRITEV_BUFFERS_MAX } from './storage.js';

/** Bytes given to one `writev`: a thread of the pool is held no longer than this takes. */
const WRITEV_BYTES_MAX = 16 * 1024 * 1024;

/** Index after the last buffer of the next call. */
const callEnd = (buffers: readonly Buffer[], from: number): number => {
  let bytes = 0;
  let end = from;
  while (end < buffers.length && end - from < WRITEV_BUFFERS_MAX) {
    bytes += buffers[end]!.length;
    if (bytes > WRITEV_BYTES_MAX && end > from) break;
    end++;
  }
  return end;
};

const totalBytes = (buffers: readonly Buffer[]): number => {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.length;
  return bytes;
};

/** What is left of the buffers after `written` bytes. */
const rest = (buffers: readonly Buffer[], written: number): readonly Buffer[] => {
  let skipped = 0;
  let index = 0;
  while (index < buffers.length && skipped + buffers[index]!.length <= written) {
    skipped += buffers[index++]!.length;
  }
  const first = buffers[index];
  if (first === undefined) return [];
  return [first.subarray(written - skipped), ...buffers.slice(index + 1)];
};

/**
 * Writes every byte of the buffers from `position` on, without copying them, in calls of bounded
 * size; goes on after a short write.
 * @throws the storage's error; some of the bytes may have been written
 */
export const writeAll = async (
  file: StoredFile,
  buffers: readonly Buffer[],
  position: number,
): Promise<void> => {
  let at = position;
  for (let from = 0; from < buffers.length; ) {
    const end = callEnd(buffers, from);
    let part: readonly Buffer[] =
      from === 0 && end === buffers.length ? buffers : buffers.slice(from, end);
    while (part.length > 0) {
      const wanted = totalBytes(part);
      if (wanted === 0) break;
      const written = await file.writev(part, at);
      if (written <= 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
      at += written;
      part = written === wanted ? [] : rest(part, written);
    }
    from = end;
  }
};

/** Reads exactly `target.length` bytes; false when the file ends before. */
export const readAll = async (
  file: StoredFile,
  target: Buffer,
  position: number,
): Promise<boolean> => {
  let done = 0;
  while (done < target.length) {
    const got = await file.read(done === 0 ? target : target.subarray(done), position + done);
    if (got === 0) return false;
    done += got;
  }
  return true;
};
