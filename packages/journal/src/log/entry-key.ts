import { KEY_BYTES } from './chunk-layout.js';

/**
 * Key of a chunk: its first lsn, then its commit, so that a commit without records (whose first
 * lsn is that of the next record to come) and the one after it never share a key.
 */
export const entryKey = (firstLsn: number, commit: number): Buffer => {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeBigUInt64BE(BigInt(firstLsn), 0);
  key.writeBigUInt64BE(BigInt(commit), 8);
  return key;
};

export interface EntryKey {
  readonly firstLsn: number;
  readonly commit: number;
}

/** Undefined for what is no key of this form. */
export const parseEntryKey = (key: Buffer): EntryKey | undefined => {
  if (key.length !== KEY_BYTES) return undefined;
  const firstLsn = Number(key.readBigUInt64BE(0));
  const commit = Number(key.readBigUInt64BE(8));
  return Number.isSafeInteger(firstLsn) && Number.isSafeInteger(commit)
    ? { firstLsn, commit }
    : undefined;
};
