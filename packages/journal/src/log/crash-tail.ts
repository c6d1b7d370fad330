import { systemErrorCode } from '@retrace/core';
import type { Database, Put } from '../storage/database.js';
import type { Storage, StoredFile } from '../storage/storage.js';
import { readAll, writeAll } from '../storage/write-all.js';
import type { FoundChunk } from './chunk-source.js';
import { entryKey } from './entry-key.js';
import { firstDamagedByte } from './payload-check.js';
import { encodePayloadHeader, PAYLOAD_HEADER_BYTES, type PayloadHeader } from './payload-header.js';
import type { PayloadReader } from './payload-reader.js';
import type { SegmentDatabases } from './segment-databases.js';
import { payloadPath } from './segment-paths.js';

/** Bytes copied at a time. */
const REWRITE_BYTES = 8 * 1024 * 1024;

/** The chunks of the first commit of `chunks`, when all of them are there and whole. */
const wholeCommit = (chunks: readonly FoundChunk[], nextLsn: number): FoundChunk[] | undefined => {
  const first = chunks[0]?.chunk.header;
  if (first === undefined || first.chunkIndex !== 0 || first.firstLsn !== nextLsn) return undefined;
  const commit = chunks.slice(0, first.chunkCount);
  if (commit.length < first.chunkCount) return undefined;
  let lsn = nextLsn;
  for (const [index, { chunk }] of commit.entries()) {
    const { header, whole } = chunk;
    const belongs = header.commit === first.commit && header.chunkIndex === index;
    if (!whole || !belongs || header.firstLsn !== lsn) return undefined;
    lsn += header.recordCount;
  }
  return lsn - nextLsn === first.commitRecords ? commit : undefined;
};

const payloadsIntact = async ({ chunk }: FoundChunk, payloads: PayloadReader): Promise<boolean> => {
  for (const record of chunk.records) {
    if (record.payloadBytes === 0) continue;
    const payload = Buffer.allocUnsafe(record.payloadBytes);
    try {
      await payloads.read(record.segment, record.position, payload);
    } catch {
      return false;
    }
    if (firstDamagedByte(record, payload) >= 0) return false;
  }
  return true;
};

/**
 * Of the chunks above the proven lsn, the longest run of whole, dense, intact commits: the last
 * one may have been acknowledged. What follows is torn.
 */
export const intactRun = async (
  tail: readonly FoundChunk[],
  nextLsn: number,
  payloads: PayloadReader,
): Promise<readonly FoundChunk[]> => {
  const run: FoundChunk[] = [];
  let lsn = nextLsn;
  for (;;) {
    const commit = wholeCommit(tail.slice(run.length), lsn);
    if (commit === undefined) return run;
    for (const found of commit) if (!(await payloadsIntact(found, payloads))) return run;
    run.push(...commit);
    lsn += commit[0]!.chunk.header.commitRecords;
  }
};

/**
 * Makes a tail that was found at start durable, before anybody is told of it. That it can be read
 * proves nothing: it may be in the page cache only, even as pages that a failed sync has marked
 * clean, which no later sync writes. So the bytes are written again, over themselves, and what one
 * of the two copies lacks is added. Opening the database has done the same with its log: it is now
 * a synced table.
 * @returns why not, where one of the copies cannot be completed: the other has it all
 */
export const secureTail = async (
  storage: Storage,
  databases: SegmentDatabases,
  header: PayloadHeader,
  run: readonly FoundChunk[],
): Promise<string | undefined> => {
  if (run.length === 0) return undefined;
  const { segment } = header;
  let file: StoredFile;
  try {
    file = await storage.open(payloadPath(segment), 'update');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return 'the payload file is missing';
  }
  try {
    // The header is part of the first commit, and may be what the crash cut off.
    if (run[0]!.chunk.header.blockPosition === PAYLOAD_HEADER_BYTES) {
      await writeAll(file, [encodePayloadHeader(header)], 0);
    }
    for (const found of run) await rewriteBlock(file, found);
    await file.sync();
  } finally {
    await file.close();
  }
  return addMissingEntries(databases, segment, run);
};

const rewriteBlock = async (file: StoredFile, { chunk, entry }: FoundChunk): Promise<void> => {
  const { blockPosition, entryBytes, payloadBytes } = chunk.header;
  await writeAll(file, [entry], blockPosition);
  const end = blockPosition + entryBytes + payloadBytes;
  for (let at = blockPosition + entryBytes; at < end; at += REWRITE_BYTES) {
    const bytes = Buffer.allocUnsafe(Math.min(REWRITE_BYTES, end - at));
    if (await readAll(file, bytes, at)) await writeAll(file, [bytes], at);
  }
};

/** A commit that only the payload file has gets its entries. */
const addMissingEntries = async (
  databases: SegmentDatabases,
  segment: number,
  run: readonly FoundChunk[],
): Promise<string | undefined> => {
  const missing = run.filter(({ fromPayload }) => fromPayload);
  if (missing.length === 0) return undefined;
  let database: Database;
  try {
    database = await databases.acquire(segment);
  } catch (error) {
    return `LevelDB cannot open the entries: ${String(error)}`;
  }
  try {
    const puts: Put[] = [];
    for (const { chunk, entry } of missing) {
      const key = entryKey(chunk.header.firstLsn, chunk.header.commit);
      // A damaged entry keeps its key: nothing is written over it.
      if (!(await hasKey(database, key))) puts.push({ key, value: entry });
    }
    if (puts.length > 0) await database.write(puts);
    return undefined;
  } finally {
    await databases.release(segment);
  }
};

const hasKey = async (database: Database, key: Buffer): Promise<boolean> => {
  for await (const entries of database.scan({ from: key, limit: 1 })) {
    return entries[0]?.[0].equals(key) ?? false;
  }
  return false;
};
