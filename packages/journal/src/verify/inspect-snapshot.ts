import { SNAPSHOT_BYTES_MAX } from '../catalog/limits.js';
import { decodeSnapshot, SNAPSHOT_MAGIC } from '../catalog/snapshot-codec.js';
import type { StoredFile } from '../storage/storage.js';
import { readAll } from '../storage/write-all.js';
import type { InspectedPart } from './inspected-part.js';

/** Whether a file that begins so is a snapshot of the catalog. */
export const isSnapshotHead = (head: Buffer): boolean =>
  head.subarray(0, SNAPSHOT_MAGIC.length).equals(SNAPSHOT_MAGIC);

/** Header, entries and known losses of a snapshot; what is damaged is named with its byte. */
export async function* inspectSnapshot(
  file: StoredFile,
  size: number,
): AsyncGenerator<InspectedPart> {
  if (size > SNAPSHOT_BYTES_MAX) {
    yield { at: 'byte 0', what: 'damaged', fields: { why: `${size} bytes are too many` } };
    return;
  }
  const bytes = Buffer.alloc(size);
  await readAll(file, bytes, 0);
  const { header, entries, losses, problems } = decodeSnapshot(bytes);
  if (header !== undefined) {
    const linkedDigest = header.linkedDigest.toString('hex');
    yield { at: 'byte 0', what: 'catalog-snapshot', fields: { ...header, linkedDigest } };
  }
  for (const { at, ...fields } of entries) {
    yield { at: `byte ${at}`, what: 'catalog-entry', fields };
  }
  for (const { place, message } of losses) {
    yield { at: place, what: 'catalog-loss', fields: { message } };
  }
  for (const { at, why } of problems) yield { at: `byte ${at}`, what: 'damaged', fields: { why } };
}
