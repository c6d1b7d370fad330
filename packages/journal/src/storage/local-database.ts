import { Level } from 'level';
import type { Database, DatabaseOptions, Entry, KeyRange, Put } from './database.js';
import { checkTables, listTables } from './table-check.js';

/** Bytes a scan reads at a time: 700 MB/s and more; the default of 16 KiB gives a third. */
const SCAN_BATCH_BYTES = 4 * 1024 * 1024;
const SCAN_BATCH_ENTRIES = 4096;

const ENCODING = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

/** What the types of `level` leave out: they are those that the browser has as well. */
interface Compacting {
  compactRange(from: Buffer, to: Buffer): Promise<void>;
}

/** LevelDB tells errors by text only: the one the journal acts on gets its system code. */
const withSystemCode = (error: unknown): unknown => {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at.message.includes('No space left')) {
      return Object.assign(new Error(at.message, { cause: error }), { code: 'ENOSPC' });
    }
  }
  return error;
};

/** A LevelDB database on a local directory. */
export class LocalDatabase implements Database {
  readonly #directory: string;
  /** Those that were there when it was opened; LevelDB may be writing others at any moment. */
  readonly #tables: readonly string[];
  readonly #level: Level<Buffer, Buffer>;

  private constructor(directory: string, tables: readonly string[], level: Level<Buffer, Buffer>) {
    this.#directory = directory;
    this.#tables = tables;
    this.#level = level;
  }

  static async open(directory: string, options: DatabaseOptions): Promise<LocalDatabase> {
    const tables = await listTables(directory);
    await checkTables(directory, tables);
    const level = new Level<Buffer, Buffer>(directory, {
      ...ENCODING,
      createIfMissing: options.create,
      compression: false,
      writeBufferSize: options.writeBufferBytes,
      cacheSize: 1024 * 1024,
      blockSize: 64 * 1024,
      maxOpenFiles: 64,
    });
    try {
      await level.open();
    } catch (error) {
      throw withSystemCode(error);
    }
    return new LocalDatabase(directory, tables, level);
  }

  async write(puts: readonly Put[]): Promise<void> {
    const operations = puts.map(({ key, value }) => ({ type: 'put', key, value }) as const);
    try {
      await this.#level.batch(operations, { sync: true });
    } catch (error) {
      throw withSystemCode(error);
    }
  }

  async *scan({ from, to, reverse, limit }: KeyRange): AsyncGenerator<readonly Entry[]> {
    // What was sound at the opening may be damaged by now.
    await checkTables(this.#directory, this.#tables);
    const iterator = this.#level.iterator({
      ...(from === undefined ? {} : { gte: from }),
      ...(to === undefined ? {} : { lt: to }),
      reverse: reverse ?? false,
      limit: limit ?? -1,
      fillCache: false,
      highWaterMarkBytes: limit === undefined ? SCAN_BATCH_BYTES : 1,
    });
    try {
      // The next batch is read by a thread of the pool while this one is being looked at.
      let next = iterator.nextv(SCAN_BATCH_ENTRIES);
      for (;;) {
        const entries = (await next) as Entry[];
        if (entries.length === 0) return;
        next = iterator.nextv(SCAN_BATCH_ENTRIES);
        // Keeps a failure that nobody waits for yet from ending the process; `await` still throws.
        next.catch(() => {});
        yield entries;
      }
    } finally {
      await iterator.close();
    }
  }

  async compact(): Promise<void> {
    const level = this.#level as unknown as Compacting;
    await level.compactRange(Buffer.alloc(1), Buffer.alloc(32, 0xff));
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}
