import { readFileSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32c, RetraceError, systemErrorCode } from '@retrace/core';

/** Largest state file that is read. */
const BYTES_MAX = 1024 * 1024;

/** What a sealed file was found to be. */
export type Sealed =
  | { readonly kind: 'absent' }
  /** Not whole, or not what was written: nothing of it may be used. */
  | { readonly kind: 'damaged'; readonly why: string }
  | { readonly kind: 'intact'; readonly value: Readonly<Record<string, unknown>> };

/**
 * A small file that is replaced as a whole: a line `retrace NAME VERSION BYTES CRC32C`, then JSON.
 * After a crash it holds the old value or the new one.
 * @param name - what it holds: a word
 */
export const writeSealed = async (
  path: string,
  name: string,
  version: number,
  value: object,
): Promise<void> => {
  const body = Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
  const seal = `retrace ${name} ${version} ${body.length} ${checksumText(name, version, body)}\n`;
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(Buffer.concat([Buffer.from(seal), body]));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
};

/**
 * Reads what {@link writeSealed} wrote.
 * @throws RetraceError STATE_INVALID for a version newer than `versionMax`
 */
export const readSealed = (path: string, name: string, versionMax: number): Sealed => {
  const bytes = readWhole(path);
  if (bytes === undefined) return { kind: 'absent' };
  if (bytes.length > BYTES_MAX) return { kind: 'damaged', why: 'it is far too large' };
  const lineEnd = bytes.indexOf(0x0a);
  const [magic, what, version, length, checksum, ...more] = bytes
    .subarray(0, Math.max(0, lineEnd))
    .toString('latin1')
    .split(' ');
  const body = bytes.subarray(lineEnd + 1);
  if (lineEnd < 0 || magic !== 'retrace' || what !== name || more.length > 0) {
    return { kind: 'damaged', why: 'its first line is not a seal' };
  }
  if (length !== String(body.length)) return { kind: 'damaged', why: 'it is cut off' };
  if (checksum !== checksumText(name, version ?? '', body)) {
    return { kind: 'damaged', why: 'its checksum is wrong' };
  }
  if (Number(version) > versionMax) {
    const text = `${path} was written by a newer version (${version}): use that one`;
    throw new RetraceError('STATE_INVALID', text);
  }
  return parseBody(body);
};

/** Removes a file, durably; it need not exist. */
export const removeDurably = async (path: string): Promise<void> => {
  try {
    await unlink(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  await syncFolder(dirname(path));
};

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

/** Covers the version too: no flipped bit may turn one version into another. */
const checksumText = (name: string, version: number | string, body: Buffer): string =>
  crc32c(body, crc32c(Buffer.from(`${name} ${version}`)))
    .toString(16)
    .padStart(8, '0');

const readWhole = (path: string): Buffer | undefined => {
  try {
    return readFileSync(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};

const parseBody = (body: Buffer): Sealed => {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { kind: 'intact', value: value as Record<string, unknown> };
    }
  } catch {
    // Said below.
  }
  return { kind: 'damaged', why: 'it is not a JSON object' };
};
