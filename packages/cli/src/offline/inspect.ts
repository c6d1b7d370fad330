import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { crc32c, RetraceError, systemErrorCode } from '@retrace/core';
import { type JsonMap, mapOf } from '../client/fields.js';

/** What is read of a file whose kind is not known yet. */
const HEAD_BYTES = 1024 * 1024;

const notReadable = (path: string, cause: unknown): RetraceError =>
  new RetraceError('USAGE', `${path} cannot be read: ${systemErrorCode(cause) ?? String(cause)}`, {
    cause,
  });

const readHead = async (path: string): Promise<Buffer> => {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw notReadable(path, cause);
  });
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
};

/** `retrace NAME VERSION BYTES CRC32C`, then JSON: a state file of an agent. */
export const inspectSealed = (bytes: Buffer): JsonMap | undefined => {
  const lineEnd = bytes.indexOf(0x0a);
  const seal = /^retrace (\S+) (\d+) (\d+) ([0-9a-f]{8})$/.exec(
    bytes.subarray(0, Math.max(lineEnd, 0)).toString('latin1'),
  );
  if (seal === null) return undefined;
  const body = bytes.subarray(lineEnd + 1);
  const [, name = '', version = ''] = seal;
  const sum = crc32c(body, crc32c(Buffer.from(`${name} ${version}`)));
  const checksum = sum.toString(16).padStart(8, '0');
  const isIntact = Number(seal[3]) === body.length && seal[4] === checksum;
  return {
    kind: `agent state: ${name}`,
    version: Number(version),
    intact: isIntact,
    contents: isIntact ? mapOf(JSON.parse(body.toString('utf8'))) : undefined,
  };
};

/** Pieces shown; the rest is counted. */
const PARTS_MAX = 1000;

const KINDS: Readonly<Record<string, string>> = {
  'format-file': 'the format file of a data directory',
  'payload-header': 'the payload file of a log segment',
  chunk: 'the entries of a log segment (LevelDB)',
  'catalog-version': 'a generation of the catalog of a data directory (LevelDB)',
  'catalog-change': 'a generation of the catalog of a data directory (LevelDB)',
  'catalog-end': 'a generation of the catalog of a data directory (LevelDB)',
  'catalog-snapshot': 'a snapshot of the catalog of a data directory',
  'layer-header': 'a layer: a sealed part of the history',
};

/** What the journal can say of a file or database of a data directory; undefined for others. */
const inspectStored = async (path: string, isDatabase: boolean): Promise<JsonMap | undefined> => {
  const { inspectPath } = await import('@retrace/journal');
  const parts: JsonMap[] = [];
  let kind: string | undefined;
  let count = 0;
  let damagedParts = 0;
  for await (const { at, what, fields } of inspectPath(path, isDatabase)) {
    kind ??= KINDS[what];
    count += 1;
    if (what === 'damaged') damagedParts += 1;
    if (parts.length < PARTS_MAX) parts.push({ at, what, ...fields });
  }
  if (kind === undefined) return undefined;
  return { kind, partCount: count, damagedParts, parts };
};

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const inspectFolder = async (path: string): Promise<JsonMap> => {
  if (await isThere(join(path, 'CURRENT'))) {
    return (await inspectStored(path, true)) ?? { kind: 'a LevelDB database without entries' };
  }
  if (await isThere(join(path, 'log'))) return { kind: 'a data directory of a journal server' };
  if (await isThere(join(path, 'identity'))) return { kind: 'a state folder of an agent' };
  const snapshots = (await readdir(path)).filter((name) => name.startsWith('snapshot-')).sort();
  if (snapshots.length > 0) return { kind: 'the catalog of a data directory', snapshots };
  return { kind: 'a folder of no kind known to retrace' };
};

/**
 * Says what a file or folder is, by its contents. Reads only.
 * @throws RetraceError USAGE when it cannot be read
 */
export const inspectFile = async (given: string): Promise<JsonMap> => {
  const path = resolve(given);
  const found = await stat(path).catch((cause: unknown) => {
    throw notReadable(given, cause);
  });
  if (found.isDirectory()) return { path, ...(await inspectFolder(path)) };
  const bytes = await readHead(path);
  const facts = { path, sizeBytes: found.size, modified: found.mtime.toISOString() };
  const known = inspectSealed(bytes) ?? (await inspectStored(path, false));
  return { ...facts, ...(known ?? { kind: `${basename(path)}: of no kind known to retrace` }) };
};
