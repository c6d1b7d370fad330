import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c, systemErrorCode } from '@retrace/core';

// The layout is that of LevelDB's doc/table_format.md and table/format.cc.
const FOOTER_BYTES = 48;
const FOOTER_MAGIC = 0xdb4775248b80fb57n;
/** Behind each block: its type (0: not compressed) and its masked crc32c. */
const TRAILER_BYTES = 5;
const CRC_MASK_DELTA = 0xa282ead8;
const VARINT_BYTES_MAX = 10;
/** Read at a time: a tenth of the time that reading block by block takes. */
const WINDOW_BYTES = 2 * 1024 * 1024;
const TABLE_NAME = /\.(ldb|sst)$/;

interface BlockHandle {
  readonly position: number;
  readonly size: number;
}

/** A number of 7-bit groups, the lowest first; beyond 2^53 it is none that a file can hold. */
class VarintReader {
  readonly #bytes: Buffer;
  position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(): number {
    let value = 0;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = this.#bytes[this.position++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Error('a number is cut off');
  }

  handle(): BlockHandle {
    return { position: this.next(), size: this.next() };
  }
}

/** The handles that an index block, or the index of the other blocks, names as its values. */
function handlesIn(block: Buffer): BlockHandle[] {
  const restarts = block.length < 4 ? 0 : block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - restarts * 4;
  if (end < 0) throw new Error('an index is too short');
  const handles: BlockHandle[] = [];
  const reader = new VarintReader(block.subarray(0, end));
  while (reader.position < end) {
    reader.next();
    const keyBytes = reader.next();
    const valueBytes = reader.next();
    const valueAt = reader.position + keyBytes;
    reader.position = valueAt;
    handles.push(reader.handle());
    reader.position = valueAt + valueBytes;
  }
  return handles;
}

/** One table file, block by block. */
class TableCheck {
  readonly #file: FileHandle;
  /** A stretch of the file: blocks lie end to end, and are asked for in that order mostly. */
  #window = Buffer.alloc(0);
  #windowAt = 0;
  #windowBytes = 0;
  /** Bytes in front of the footer. */
  #end = 0;
  #covered = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws Error that says what is wrong with it */
  async run(): Promise<void> {
    this.#end = (await this.#file.stat()).size - FOOTER_BYTES;
    if (this.#end < 0) throw new Error('its end is missing');
    const footer = await this.#read(this.#end, FOOTER_BYTES);
    if (footer.readBigUInt64LE(FOOTER_BYTES - 8) !== FOOTER_MAGIC) {
      throw new Error('its end is not that of a table');
    }
    const reader = new VarintReader(footer);
    const indexes = [reader.handle(), reader.handle()];
    const blocks: BlockHandle[] = [];
    for (const handle of indexes) blocks.push(...handlesIn(await this.#block(handle)));
    for (const handle of blocks) await this.#block(handle);
    if (this.#covered !== this.#end) throw new Error('some of its blocks are named nowhere');
  }

  /** A block's bytes, valid until the next call. */
  async #block({ position, size }: BlockHandle): Promise<Buffer> {
    if (position + size + TRAILER_BYTES > this.#end) {
      throw new Error(`a block lies beyond its end, at byte ${position}`);
    }
    const bytes = await this.#read(position, size + TRAILER_BYTES);
    const crc = crc32c(bytes.subarray(0, size + 1));
    const masked = (((crc >>> 15) | (crc << 17)) + CRC_MASK_DELTA) >>> 0;
    if (masked !== bytes.readUInt32LE(size + 1)) {
      throw new Error(`the block at byte ${position} fails its checksum`);
    }
    if (bytes[size] !== 0) throw new Error(`the block at byte ${position} is compressed`);
    this.#covered += size + TRAILER_BYTES;
    return bytes.subarray(0, size);
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const isThere =
      position >= this.#windowAt && position + length <= this.#windowAt + this.#windowBytes;
    if (!isThere) await this.#move(position, length);
    const from = position - this.#windowAt;
    return this.#window.subarray(from, from + length);
  }

  async #move(position: number, length: number): Promise<void> {
    const wanted = Math.max(length, WINDOW_BYTES);
    if (this.#window.length < wanted) this.#window = Buffer.allocUnsafeSlow(wanted);
    const { bytesRead } = await this.#file.read(this.#window, 0, wanted, position);
    this.#windowAt = position;
    this.#windowBytes = bytesRead;
    if (bytesRead < length) throw new Error('it became shorter');
  }
}

/** Names of the sorted tables of a database; none when there is no such directory. */
export async function listTables(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => TABLE_NAME.test(name));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Reads sorted tables of a LevelDB database and checks every block of them. LevelDB must not see a
 * damaged one: it does not verify checksums by itself, and the build that `classic-level` 3.0.0
 * carries has its assertions compiled in, so that one flipped bit in an index block ends the whole
 * process (`Assertion 'internal_key.size() >= 8' failed`, seen here).
 * @param names - of tables; one that LevelDB has removed since is passed over
 * @throws Error `Corruption: ...` that names the first damaged table; system errors as they are
 */
export async function checkTables(directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) await checkTable(directory, name);
}

async function checkTable(directory: string, name: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(join(directory, name), 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await new TableCheck(file).run();
  } catch (error) {
    if (systemErrorCode(error) !== undefined) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`Corruption: ${name}: ${why}`);
  } finally {
    await file.close();
  }
}
