import { RetraceError, recordKindName } from '@retrace/core';
import {
  decodeChange,
  decodeEnd,
  decodeVersion,
  parseCatalogKey,
} from '../catalog/catalog-codec.js';
import { type Chunk, decodeChunk, decodeChunkHeader } from '../log/chunk-decoder.js';
import { CHUNK_HEADER_BYTES } from '../log/chunk-layout.js';
import { parseEntryKey } from '../log/entry-key.js';
import type { LogRecord } from '../log/log-record.js';
import { decodePayloadHeader, PAYLOAD_HEADER_BYTES } from '../log/payload-header.js';
import { decodeFormatFile } from '../storage/format-file.js';
import type { Storage, StoredFile } from '../storage/storage.js';
import { readAll } from '../storage/write-all.js';
import { inspectLayer, layerHead } from './inspect-layer.js';
import { inspectSnapshot, isSnapshotHead } from './inspect-snapshot.js';
import type { InspectedPart } from './inspected-part.js';

const damaged = (at: string, why: string): InspectedPart => ({
  at,
  what: 'damaged',
  fields: { why },
});

const recordFields = (record: LogRecord) => ({
  lsn: record.lsn,
  kind: recordKindName(record.kind) ?? record.kind,
  flags: record.flags,
  groupId: record.groupId,
  volumeId: record.volumeId,
  epoch: record.epoch,
  n: record.n,
  seq: record.seq,
  timeUs: record.timeUs,
  agentTimeUs: record.agentTimeUs,
  offset: record.offset,
  length: record.length,
  position: record.position,
  payloadBytes: record.payloadBytes,
  checksums: Array.from(record.checksums, (sum) => sum.toString(16).padStart(8, '0')),
});

const chunkPart = (at: string, chunk: Chunk | string): InspectedPart => {
  if (typeof chunk === 'string') return damaged(at, chunk);
  const { header, records, watermarks, whole } = chunk;
  const fields = { ...header, whole, watermarks, records: records.map(recordFields) };
  return { at, what: 'chunk', fields };
};

async function* inspectPayload(file: StoredFile, bytes: number): AsyncGenerator<InspectedPart> {
  const head = Buffer.alloc(PAYLOAD_HEADER_BYTES);
  await readAll(file, head, 0);
  const header = decodePayloadHeader(head);
  if (typeof header === 'string') yield damaged('byte 0', header);
  else yield { at: 'byte 0', what: 'payload-header', fields: { ...header } };
  for (let at = PAYLOAD_HEADER_BYTES; at < bytes; ) {
    const chunkHead = Buffer.alloc(CHUNK_HEADER_BYTES);
    const complete = await readAll(file, chunkHead, at);
    const chunkHeader = complete ? decodeChunkHeader(chunkHead) : 'the file ends here';
    if (typeof chunkHeader === 'string') {
      yield damaged(`byte ${at}`, `${chunkHeader}; what follows is reached by entries only`);
      return;
    }
    const entry = Buffer.alloc(chunkHeader.entryBytes);
    const read = await readAll(file, entry, at);
    yield chunkPart(`byte ${at}`, read ? decodeChunk(entry) : 'the file ends in this chunk');
    at += chunkHeader.entryBytes + chunkHeader.payloadBytes;
  }
}

async function* inspectFile(storage: Storage, path: string): AsyncGenerator<InspectedPart> {
  const size = await storage.size(path);
  if (size === undefined) throw new RetraceError('USAGE', `${storage.name}/${path}: no such file`);
  const file = await storage.open(path, 'read');
  try {
    const head = Buffer.alloc(Math.min(size, 1024));
    await readAll(file, head, 0);
    const { format, problems } = decodeFormatFile(head);
    if (format !== undefined) {
      yield { at: 'byte 0', what: 'format-file', fields: { ...format } };
      for (const problem of problems) yield damaged('format file', problem);
    } else if (layerHead(head) !== undefined) {
      yield* inspectLayer(storage, path, layerHead(head)!);
    } else if (isSnapshotHead(head)) {
      yield* inspectSnapshot(file, size);
    } else {
      yield* inspectPayload(file, size);
    }
  } finally {
    await file.close();
  }
}

const entryPart = (key: Buffer, value: Buffer): InspectedPart => {
  const catalogKey = parseCatalogKey(key);
  if (catalogKey?.what === 'version') {
    const { kind, id, version } = catalogKey;
    const at = `${kind} "${id}" version ${version}`;
    const decoded = decodeVersion(value);
    if (typeof decoded === 'string') return damaged(at, decoded);
    return { at, what: 'catalog-version', fields: { ...decoded } };
  }
  if (catalogKey?.what === 'change') {
    const at = `change ${catalogKey.number}`;
    const decoded = decodeChange(value);
    if (typeof decoded === 'string') return damaged(at, decoded);
    const previousDigest = decoded.previousDigest.toString('hex');
    return { at, what: 'catalog-change', fields: { ...decoded, previousDigest } };
  }
  if (catalogKey?.what === 'end') {
    const decoded = decodeEnd(value);
    if (typeof decoded === 'string') return damaged('end', decoded);
    return { at: 'end', what: 'catalog-end', fields: { ...decoded } };
  }
  const entryKey = parseEntryKey(key);
  if (entryKey === undefined) return damaged(`key ${key.toString('hex')}`, 'no key of Retrace');
  return chunkPart(`lsn ${entryKey.firstLsn}, commit ${entryKey.commit}`, decodeChunk(value));
};

async function* inspectDatabase(storage: Storage, path: string): AsyncGenerator<InspectedPart> {
  const options = { create: false, writeBufferBytes: 4 * 1024 * 1024 };
  const database = await storage.openDatabase(path, options);
  try {
    for await (const entries of database.scan({})) {
      for (const [key, value] of entries) yield entryPart(key, value);
    }
  } finally {
    await database.close();
  }
}

/**
 * Decodes a file of a data directory, or a LevelDB database in it, piece by piece. LevelDB rewrites
 * some of its own files when a database is opened, and refuses one that a server uses.
 * @param path - relative to the storage's root
 * @throws RetraceError USAGE for what is not there; LevelDB's error
 */
export const inspect = async function* (
  storage: Storage,
  path: string,
): AsyncGenerator<InspectedPart> {
  const names = await storage.list(path).catch((): readonly string[] => []);
  if (names.includes('CURRENT')) yield* inspectDatabase(storage, path);
  else yield* inspectFile(storage, path);
};
