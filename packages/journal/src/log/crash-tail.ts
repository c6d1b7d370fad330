import type { Put } from '../storage/database.js';
import type { Storage } from '../storage/storage.js';
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
 * clean, which no later sync writes. So the bytes are written again, over themselves. Opening the
 * database has done the same with its log: it is now a synced table.
 * @returns why not, where only the entries could not be completed: the payload file has them
 */
export const secureTail = async (
  storage: Storage,
  databases: SegmentDatabases,
  header: PayloadHeader,
  run: readonly FoundChunk[],
): Promise<string | undefined> => {
  const { segment } = header;
  const first = run[0]?.chunk.header;
  const last = run[run.length - 1]?.chunk.header;
  if (first === undefined || last === undefined) return undefined;
  const end = last.blockPosition + last.entryBytes + last.payloadBytes;
  const file = await storage.open(payloadPath(segment), 'update');
  try {
    if (first.blockPosition === PAYLOAD_HEADER_BYTES) {
      // The header was part of the first commit, and may be what the crash cut off.
      await writeAll(file, [encodePayloadHeader(header)], 0);
    }
    for (let at = first.blockPosition; at < end; at += REWRITE_BYTES) {
      const bytes = Buffer.allocUnsafe(Math.min(REWRITE_BYTES, end - at));
      if (await readAll(file, bytes, at)) await writeAll(file, [bytes], at);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return addMissingEntries(databases, segment, run);
};

/** A commit that only the payload file has gets its entries: these keys were never written. */
const addMissingEntries = async (
  databases: SegmentDatabases,
  segment: number,
  run: readonly FoundChunk[],
): Promise<string | undefined> => {
  const puts: Put[] = [];
  for (const { chunk, entry, fromPayload } of run) {
    const { firstLsn, commit } = chunk.header;
    if (fromPayload) puts.push({ key: entryKey(firstLsn, commit), value: entry });
  }
  if (puts.length === 0) return undefined;
  try {
    const database = await databases.acquire(segment);
    await database.write(puts);
  } catch (error) {
    return `the entries of the last commit cannot be written again: ${String(error)}`;
  }
  await databases.release(segment);
  return undefined;
};
